// What every customer of the demo shop does.
import { pay } from './card.mjs';
import { must } from './chromium.mjs';

export const password = 'correct horse battery';

export async function register(page, urls, email) {
  await page.goto(urls.base_url);
  await enter(page, email);
}

export async function enter(page, email) {
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Register' }).click();
  await points(page, 0);
}

// points waits until the shop shows n points.
export const points = (page, n, options) => page.locator('#available').filter({ hasText: new RegExp(`^${n.toLocaleString('en')}$`) }).waitFor(options);

// said waits until a section shows a message.
export const said = (page, section, text) => page.getByRole('region', { name: section }).locator('.told').filter({ hasText: text }).waitFor();

// order presses the button of an item, which leads to the payment page.
export async function order(page, urls, name) {
  await page.getByRole('button', { name, exact: true }).click();
  await page.waitForURL(`${urls.sandbox_url}/**`);
}

export async function payAndReturn(page, urls) {
  await pay(page);
  await page.waitForURL(`${urls.base_url}/**`);
}

export async function spend(page, amount) {
  await page.getByLabel('What for').selectOption({ label: 'A number of points' });
  await page.getByRole('spinbutton', { name: 'Points', exact: true }).fill(String(amount));
  await page.getByRole('button', { name: 'Spend points' }).click();
}

// customerID asks the sandbox for the customer with an email address.
export const customerID = async (world, email) => (await world.ask(`/v1/customers?email=${encodeURIComponent(email)}`)).data[0].id;

const keyed = /\/(checkout|points\/spend|subscription\/(change|cancel|resume))$/;

// keys records the keys of the shop's requests that move points or money: {path: [key, …]}.
export function keys(page) {
  const sent = {};
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (request.method() !== 'POST' || !keyed.test(pathname)) return;
    (sent[pathname] ??= []).push(request.headers()['idempotency-key']);
  });
  return sent;
}

// allKeyed fails if a request was sent without a key, or if no request was sent to one of paths.
export function allKeyed(sent, ...paths) {
  for (const path of paths) must(sent[path]?.length > 0 && sent[path].every(Boolean), `${path} was asked under ${JSON.stringify(sent[path])}`);
}
