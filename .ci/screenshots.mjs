// Writes the pictures of docs/screenshots/: the sandbox's pages, as they look after a few lively days in a shop, the
// demo shop of a customer who buys and spends, and the admin console.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pay } from './browser/card.mjs';
import { withBrowser, withPage } from './browser/chromium.mjs';
import { order, payAndReturn, points, register } from './browser/customer.mjs';
import { act, enter, find, noFaults, tooManyPoints, withoutPoints } from './browser/desk.mjs';
import { bothWays, euros, reduced } from './browser/ways.mjs';
import { World, withReceiver } from './browser/world.mjs';
import { root, withBinary, withDev, withSandbox } from './dev.mjs';

const folder = join(root, 'docs/screenshots');
mkdirSync(folder, { recursive: true });

let healthy = true;
const sandbox = (binary, data) => withSandbox(binary, data, (url) => withReceiver(() => (healthy ? 200 : 503), async (receiver) => {
  const world = new World(url);
  const shown = await lively(world, receiver);
  await withBrowser((browser) => picture(browser, world, shown));
  return 0;
}));
const shop = (binary, data) => withDev(binary, data, (urls) => withBrowser(async (browser) => {
  await shopPictures(browser, urls);
  return 0;
}));
const desk = (binary, data) => withDev(binary, data, (urls) => withBrowser(async (browser) => {
  await withPage(browser, { viewport: { width: 1280, height: 1000 } }, (page) => deskPictures(page, urls));
  return 0;
}), ['--catalog', join(root, '.ci/browser/catalog.yaml')]);
process.exitCode = await withBinary(async (binary, data) => {
  if (process.argv[2] === 'console') return desk(binary, data); // its pictures alone
  return await sandbox(binary, data) || await shop(binary, data) || desk(binary, data);
});

// lively plays a few days: two subscribers, packs sold, a dispute, a payment that waits, a receiver that was down.
async function lively(world, receiver) {
  await world.ask('/v1/webhook_endpoints', { url: receiver, 'enabled_events[]': '*' });
  const [pro, basic] = [await world.price('Pro plan', 1900, 'month'), await world.price('Basic plan', 900, 'month')];
  const pack = await world.price('100 points', 500);
  const ada = await world.subscribed(pro, 'ada@example.com', 'Ada Lovelace');
  const grace = await world.subscribed(basic, 'grace@example.com', 'Grace Hopper');
  await world.control('clock', { advance_seconds: 31 * 86_400 + 7_300 });
  const sold = await world.paid(await world.session('payment', pack, { customer_email: 'linus@example.com' }));
  await world.control(`payments/${sold.payment_intent}/dispute`, {});
  await world.paid(await world.session('payment', pack, { customer: ada.customer }));
  await world.control(`subscriptions/${grace.subscription}/next_invoice`, { outcome: 'failed' });
  await world.control('webhooks/flush', {});
  healthy = false;
  const alan = await world.subscribed(pro, 'alan@example.com', 'Alan Turing');
  await world.control('webhooks/flush', {});
  healthy = true;
  await world.control('clock', { advance_seconds: 60 });
  await world.control('webhooks/flush', {});
  const waiting = await world.customer('edsger@example.com', 'Edsger Dijkstra');
  await world.ask('/v1/payment_intents', { amount: '4200', currency: 'usd', customer: waiting, payment_method: 'pm_card_authenticationRequired', confirm: 'true', return_url: world.url });
  await world.session('subscription', basic, { customer_email: 'barbara@example.com' });
  await world.control('faults', { kind: 'webhook_duplicate', events: 'invoice.*', share: 0.2, seed: 7 });
  await world.control('webhooks/flush', {});
  const events = (await world.ask('/v1/events?type=customer.subscription.created&limit=1')).data;
  return { pro, pack, ada, alan, event: events[0].id, session: await world.session('subscription', pro, { customer_email: 'ada@example.com', 'subscription_data[trial_period_days]': '14' }) };
}

// discounted returns the page of a purchase in euros. It has a promotion code applied, and takes cards and bank
// accounts.
async function discounted(world) {
  const { code, session } = await reduced(world, await euros(world, 900), bothWays);
  await world.ask(`/v1/payment_pages/${session.id}`, { promotion_code: code });
  return session.url;
}

// shoot takes the picture of a page as no one touches it.
async function shoot(page, name, fullPage) {
  await page.evaluate(() => document.activeElement?.blur());
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage });
  console.log(`  ok  docs/screenshots/${name}.png`);
}

// shopPictures lets a customer subscribe, buy a pack and spend, and takes pictures of what they see.
async function shopPictures(browser, urls) {
  await withPage(browser, { viewport: { width: 1280, height: 1000 } }, (page) => customer(page, urls));
}

async function customer(page, urls) {
  await register(page, urls, 'ada@example.com');
  await order(page, urls, 'Subscribe Pro');
  await payAndReturn(page, urls);
  await page.locator('#told').filter({ hasText: 'The order is paid' }).waitFor();
  let left = Number((await page.locator('#available').textContent()).replace(',', ''));
  for (const times of [3, 1, 8, 2]) {
    await page.getByLabel('What for').selectOption('picture');
    await page.locator('#units').fill(String(times));
    await page.getByRole('button', { name: 'Spend points' }).click();
    await points(page, left -= 30 * times);
  }
  await order(page, urls, 'Buy 100 points');
  await payAndReturn(page, urls);
  await points(page, left + 100);
  await page.locator('#told').filter({ hasText: 'brings 100 points' }).waitFor();
  const top = (part) => page.locator(part).evaluate((element) => {
    element.scrollIntoView();
    scrollBy(0, -24); // not at the very edge
  });
  await shoot(page, 'shop', false);
  await page.locator('#books').screenshot({ path: join(folder, 'shop-history.png') });
  await page.emulateMedia({ colorScheme: 'dark' });
  await top('#account');
  await shoot(page, 'shop-dark', false);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 390, height: 844 });
  await top('#sale');
  await shoot(page, 'shop-phone', false);
  await top('#account');
  await shoot(page, 'shop-phone-points', false);
}

// deskPictures lets a support desk find out why a customer has no points, and make it right.
async function deskPictures(page, urls) {
  const world = new World(urls.sandbox_url);
  await tooManyPoints(urls, world);
  const { email } = await withoutPoints(urls, world);
  await page.goto(`${urls.base_url}/admin`);
  await enter(page, 'admin@example.com');
  await find(page, email);
  await page.getByText('Stripe and the database differ (order').waitFor();
  await shoot(page, 'console-why', false);
  await act(page, 'Sync now', 'Ask Stripe now', { reason: 'Paid, and has no points' });
  await page.getByText('Stripe was asked.').waitFor();
  await noFaults(world);
  await act(page, 'Grant points', 'Grant points', { amount: '50', reason: 'An apology for the wait' });
  await page.getByText('50 points were granted.').waitFor();
  await act(page, 'Take points away', 'Take points away', { amount: '20', reason: 'Meant to be 30' });
  await page.getByText('20 points were taken away.').waitFor();
  await page.getByText('Nothing stands out.').waitFor();
  await page.emulateMedia({ colorScheme: 'dark' });
  await shoot(page, 'console-dark', false);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 390, height: 844 });
  await shoot(page, 'console-phone', false);
  await page.setViewportSize({ width: 1280, height: 800 });
  for (const [room, sign] of [['events', 'checkout.session.completed'], ['log', 'Meant to be 30']]) {
    await page.goto(`${urls.base_url}/admin#/${room}`);
    await page.getByText(sign).first().waitFor();
    await shoot(page, `console-${room}`, false);
  }
}

async function picture(browser, world, shown) {
  const take = (name, address, { whole = true, ...options } = {}, act = async () => {}) => withPage(browser, options, async (page) => {
    await page.goto(address);
    await act(page);
    await shoot(page, name, whole);
  });
  const phone = { viewport: { width: 390, height: 844 } };
  const desk = { viewport: { width: 1280, height: 800 }, whole: false };
  const order = async () => (await world.session('payment', shown.pack, { 'line_items[0][quantity]': '3' })).url;
  const card = (number) => async (page) => {
    await pay(page, { number });
    await page.locator('.alert, .choices').first().waitFor();
  };
  await take('checkout', await order());
  await take('declined', await order(), {}, card('4000000000000002'));
  await take('3-d-secure', await order(), {}, card('4000002760003184'));
  await take('checkout-trial-phone', shown.session.url, phone);
  await take('checkout-code', await discounted(world), {}, async (page) => { await page.getByLabel('Bank debit (SEPA)').check(); });
  await take('portal', await world.portal(shown.ada.customer));
  await take('panel', world.url, desk);
  await take('panel-dark', world.url, { ...desk, colorScheme: 'dark' });
  await take('panel-phone', world.url, { ...phone, whole: false });
  await take('panel-customer', `${world.url}/panel/object/${shown.ada.customer}`, desk);
  await take('panel-event', `${world.url}/panel/object/${shown.event}`, desk);
}
