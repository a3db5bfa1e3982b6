// The demo shop, as a customer of it: register, buy a pack with a declined and then a good card, spend, see what another device
// spends, subscribe, and cancel in the portal.
import { pay } from './card.mjs';
import { stepper, withPage } from './chromium.mjs';

export const shop = (browser, urls) => withPage(browser, {}, (page) => story(page, urls));

async function story(page, urls) {
  const step = stepper(page);
  const points = (n) => page.locator('#available').filter({ hasText: new RegExp(`^${n.toLocaleString('en')}$|^${n}$`) }).waitFor();

  await step('register in the shop', async () => {
    await page.goto(urls.base_url);
    await page.getByLabel('Email').fill('ada@example.com');
    await page.getByLabel('Password').fill('correct horse battery');
    await page.getByRole('button', { name: 'Register' }).click();
    await points(0);
  });
  await step('order a pack', () => buy(page, urls, '100 points'));
  await step('a declined card is told on the page', async () => {
    await pay(page, { number: '4000000000000002' });
    await page.getByRole('alert').first().waitFor();
  });
  await step('a good card pays and leads back', async () => {
    await pay(page);
    await page.waitForURL(`${urls.base_url}/**`);
    await points(100);
  });
  await step('spend', async () => {
    await page.getByRole('spinbutton', { name: 'Points' }).fill('30');
    await page.getByRole('button', { name: 'Spend points' }).click();
    await points(70);
  });
  await step('a spend of too much is refused', async () => {
    await page.getByRole('spinbutton', { name: 'Points' }).fill('1000');
    await page.getByRole('button', { name: 'Spend points' }).click();
    await page.locator('#alert').filter({ hasText: '70' }).waitFor();
  });
  await step('what another device spends shows by itself', async () => {
    await spendElsewhere(urls, 10);
    await points(60);
  });
  await step('subscribe', async () => {
    await buy(page, urls, 'Pro');
    await pay(page);
    await page.waitForURL(`${urls.base_url}/**`);
    await points(1260);
    await page.locator('#subscription').filter({ hasText: 'active' }).waitFor();
  });
  await step('cancel in the portal', async () => {
    await page.getByRole('button', { name: 'Manage billing' }).click();
    await page.waitForURL(`${urls.sandbox_url}/**`);
    await page.getByRole('button', { name: /cancel/i }).first().click();
    await page.getByText(/ends|resume/i).first().waitFor();
  });
  await step('read the API documentation', async () => {
    await page.goto(`${urls.base_url}/docs`);
    await page.getByText('/points/spend').first().waitFor();
  });
}

async function spendElsewhere(urls, amount) {
  const post = async (path, body, headers = {}) => {
    const answer = await fetch(urls.base_url + path, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path} answers ${answer.status}`);
    return answer.json();
  };
  const { token } = await post('/auth/login', { email: 'ada@example.com', password: 'correct horse battery' });
  await post('/points/spend', { amount }, { Authorization: `Bearer ${token}`, 'Idempotency-Key': 'elsewhere' });
}

async function buy(page, urls, name) {
  const item = page.locator('#catalog').locator('li, article, .item, .good').filter({ hasText: name }).first();
  await item.getByRole('button').click();
  await page.waitForURL(`${urls.sandbox_url}/**`);
}
