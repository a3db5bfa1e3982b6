// Walks through the demo shop and the sandbox's pages in a real browser, as a customer would: register, buy a pack with a
// declined and then a good card, spend, subscribe, and cancel in the portal. Screenshots go to the folder named by SHOTS, if any.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import { root, withBinary, withDev } from './dev.mjs';

const { chromium } = createRequire(join(root, 'tools/package.json'))('playwright-core');
const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
if (!browserPath) throw new Error('no Chromium: install the package chromium, or Google Chrome');
const patience = 15_000; // milliseconds, for one step

process.exitCode = await withBinary((binary, folder) => withDev(binary, folder, walk));

async function walk(urls) {
  const browser = await chromium.launch({
    executablePath: browserPath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
    page.setDefaultTimeout(patience);
    const complaints = [];
    page.on('pageerror', (error) => complaints.push(`a script failed: ${error.message}`));
    page.on('console', (line) => { if (line.text().includes('Content Security Policy')) complaints.push(line.text()); });
    await story(page, urls);
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
    return 0;
  } finally {
    await browser.close();
  }
}

async function story(page, urls) {
  const step = async (name, act) => {
    await act();
    console.log(`  ok  ${name}`);
    if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${name.replaceAll(/\W+/g, '-')}.png`), fullPage: true });
  };
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
    await pay(page, '4000000000000002');
    await page.getByRole('alert').first().waitFor();
  });
  await step('a good card pays and leads back', async () => {
    await pay(page, '4242424242424242');
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
  await step('subscribe', async () => {
    await buy(page, urls, 'Pro');
    await pay(page, '4242424242424242');
    await page.waitForURL(`${urls.base_url}/**`);
    await points(1270);
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

async function buy(page, urls, name) {
  const item = page.locator('#catalog').locator('li, article, .item, .good').filter({ hasText: name }).first();
  await item.getByRole('button').click();
  await page.waitForURL(`${urls.sandbox_url}/**`);
}

async function pay(page, card) {
  await page.locator('input[name=card_number]').fill(card);
  await page.locator('input[name=exp]').fill('12 / 34');
  await page.locator('input[name=cvc]').fill('123');
  await page.locator('input[name=name]').fill('Ada Lovelace');
  await page.locator('form button[type=submit]').first().click();
}
