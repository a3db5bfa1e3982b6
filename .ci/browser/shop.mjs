// The demo shop, as a customer uses it: register, buy a pack at a reduced price with a declined and then a good card,
// spend, see what another device spends, subscribe, and cancel in the portal.
import { accessible } from './axe.mjs';
import { pay } from './card.mjs';
import { must, stepper, withPage } from './chromium.mjs';
import { allKeyed, keys, order, password, payAndReturn, points, register, said, spend } from './customer.mjs';

const email = 'ada@example.com';

export const shop = (browser, urls, world) => withPage(browser, {}, (page) => story(page, urls, world));

async function story(page, urls, world) {
  const step = stepper(page);
  const sent = keys(page);
  await step('look at the shop', async () => {
    await page.goto(urls.base_url);
    await page.getByRole('heading', { name: 'Basic' }).waitFor();
    await accessible(page, 'the shop before logging in');
  });
  await step('a wrong password is told in its place', async () => {
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.locator('#gate .told.alert').filter({ hasText: 'Not authenticated' }).waitFor();
  });
  await step('register in the shop', () => register(page, urls, email));
  await step('a promotion code that is none is told at its field', async () => {
    await page.getByLabel('Promotion code').fill('NOTHING');
    await page.getByRole('button', { name: 'Buy 100 points', exact: true }).click();
    await said(page, 'For sale', 'Promotion code:');
    await page.locator('#promotion[aria-invalid=true]').waitFor();
    await accessible(page, 'the shop with a wrong promotion code');
  });
  await step('order a pack at a reduced price', async () => {
    const coupon = await world.ask('/v1/coupons', { percent_off: '20', duration: 'once' });
    const { code } = await world.ask('/v1/promotion_codes', { coupon: coupon.id });
    await page.getByLabel('Promotion code').fill(code.toLowerCase());
    await order(page, urls, 'Buy 100 points');
    await page.getByRole('button', { name: 'Pay $4.00' }).waitFor();
  });
  await step('a declined card is told on the page', async () => {
    await pay(page, { number: '4000000000000002' });
    await page.getByRole('alert').first().waitFor();
  });
  await step('a good card pays and leads back', async () => {
    await payAndReturn(page, urls);
    await points(page, 100);
    await page.locator('#told').filter({ hasText: 'The order is paid and brings 100 points.' }).waitFor();
  });
  await step('spend, though the first answer is lost', async () => {
    await page.route('**/points/spend', async (route) => {
      await route.fetch();
      await route.abort();
    }, { times: 1 });
    await spend(page, 30);
    await said(page, 'Spend', 'Spent 30 points.');
    await points(page, 70);
    await page.getByText('For developers').click();
    await page.locator('#log').getByText('200 (replayed)').waitFor();
    must(sent['/points/spend'].length === 2 && new Set(sent['/points/spend']).size === 1, `it was asked under ${sent['/points/spend']}`);
  });
  await step('the history has a picture of the balance', async () => {
    await page.getByRole('img', { name: 'Your balance: 70 now; of the last 2, the highest 100, the lowest 70' }).waitFor();
    await accessible(page, 'the shop with a history and the developer\'s panel');
  });
  await step('a spend of too much is refused', async () => {
    await spend(page, 1000);
    await said(page, 'Spend', 'Not enough points. 1000 points asked for and 70 available');
  });
  await step('what another device spends shows by itself', async () => {
    await spendElsewhere(urls, 10);
    await points(page, 60);
  });
  await step('subscribe', async () => {
    await order(page, urls, 'Subscribe Pro');
    await payAndReturn(page, urls);
    await points(page, 1260);
    await page.locator('#subscription').filter({ hasText: 'active' }).waitFor();
  });
  await step('cancel in the portal', async () => {
    await page.getByRole('button', { name: 'Manage billing' }).click();
    await page.waitForURL(`${urls.sandbox_url}/**`);
    await page.getByRole('button', { name: /cancel/i }).first().click();
    await page.getByText(/ends|resume/i).first().waitFor();
  });
  await step('each order and each spend had its key', () => allKeyed(sent, '/checkout', '/points/spend'));
  await step('read the API documentation', async () => {
    await page.goto(`${urls.base_url}/docs`);
    await page.getByText('/points/spend').first().waitFor();
  });
  await step('sign in to the documentation', async () => {
    await page.getByRole('button', { name: 'Sign in as a demo user' }).click();
    await page.getByText('You are demo-').waitFor();
    const operation = page.locator('#operations-points-getPoints');
    await operation.locator('.opblock-summary-control').click();
    await operation.getByRole('button', { name: 'Try it out' }).click();
    const answered = page.waitForResponse(`${urls.base_url}/points`);
    await operation.getByRole('button', { name: 'Execute' }).click();
    const { available } = await (await answered).json();
    must(available === 0, 'the points of the new account are shown');
  });
}

async function spendElsewhere(urls, amount) {
  const post = async (path, body, headers = {}) => {
    const answer = await fetch(urls.base_url + path, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path} answers ${answer.status}`);
    return answer.json();
  };
  const { token } = await post('/auth/login', { email, password });
  await post('/points/spend', { amount }, { Authorization: `Bearer ${token}`, 'Idempotency-Key': 'elsewhere' });
}
