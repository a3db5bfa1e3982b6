// The admin console, as a support desk uses it: a customer has no points; see why, make it right, and find all of it in
// the audit log. Each page is checked against the rules of accessibility.
import { accessible } from './axe.mjs';
import { must, stepper, withPage } from './chromium.mjs';
import { password } from './customer.mjs';

// bought registers a customer who buys an item and pays, and never comes back from the payment page.
async function bought({ base_url: api }, world, email, order) {
  const send = async (path, body, token) => {
    const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
    const answer = await fetch(api + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const { token } = await send('/auth/register', { email, password });
  const { session_id: id } = await send('/checkout', order, token);
  await world.paid({ id });
  return { email, token };
}

// withoutPoints makes a customer whose webhooks were all lost. Stripe's list of events is out of reach until the faults
// are cleared, so the server does not find them there either.
export async function withoutPoints(urls, world) {
  await world.control('faults', { kind: 'webhook_drop', events: '*', share: 1, seed: 1 });
  await world.control('faults', { kind: 'api_error', endpoint: 'GET /v1/events', share: 1, seed: 1 });
  const customer = await bought(urls, world, 'lost@example.com', { item: 'pack_1000' });
  await world.control('webhooks/flush', {});
  return customer;
}

export const noFaults = (world) => fetch(`${world.url}/_sandbox/faults`, { method: 'DELETE' });

// tooManyPoints makes a customer who bought more points than are granted in a day without a person.
export async function tooManyPoints(urls, world) {
  const customer = await bought(urls, world, 'school@example.com', { item: 'pack_school', quantity: 2 });
  await world.control('webhooks/flush', {});
  return customer;
}

export const desk = (browser, urls, world) => withPage(browser, {}, async (page) => {
  const step = stepper(page);
  const at = (room) => page.goto(`${urls.base_url}/admin#/${room}`);
  const parked = await tooManyPoints(urls, world);
  const customer = await withoutPoints(urls, world);
  await step('the console tells someone without the role that they have none', async () => {
    await at('');
    await enter(page, customer.email);
    await page.getByText('This account is not an admin.').waitFor();
    await accessible(page, 'the gate of the console');
  });
  await step('an admin enters', async () => {
    await enter(page, 'admin@example.com');
    await page.getByRole('heading', { level: 1, name: 'Accounts' }).waitFor();
    await page.getByText('Grants of accounts wait for a person').waitFor();
    await accessible(page, 'the console');
  });
  await step('find a customer without points, and see why', async () => {
    await find(page, 'nobody@example.com');
    await page.getByText('No account has nobody@example.com.').waitFor();
    await find(page, customer.email);
    await page.getByText('The order of 1 × pack_1000 waits for its payment').waitFor();
    await page.getByText('Stripe and the database differ (order').waitFor();
    await available(page, 0);
    await accessible(page, 'the page of an account');
  });
  await step('ask Stripe: the points come', async () => {
    await act(page, 'Sync now', 'Ask Stripe now', { reason: 'Paid, and has no points' });
    await available(page, 1000);
    await page.getByText('The database and Stripe agree. Nothing stands out.').waitFor();
    await noFaults(world);
  });
  await step('grant, and correct', async () => {
    await act(page, 'Grant points', 'Grant points', { amount: '50', reason: 'An apology for the wait' });
    await available(page, 1050);
    await act(page, 'Take points away', 'Take points away', { amount: '20', reason: 'Meant to be 30' });
    await available(page, 1030);
    await page.locator('summary', { hasText: 'Movements of points' }).click();
    await page.locator('.drawer[open] tr', { hasText: 'An apology for the wait' }).waitFor();
  });
  await step('disable, and enable', async () => {
    await act(page, 'Disable', 'Disable the account', { reason: 'Says the card was stolen' });
    await page.getByText('An operator disabled the account on').waitFor();
    await act(page, 'Enable', 'Enable the account', { reason: 'The card was found' });
    await opens(page, 'Disable').waitFor();
  });
  await step('let the grants of a parked account through', async () => {
    await at('parked');
    await accessible(page, 'the parked accounts');
    await page.getByRole('link', { name: parked.email }).click();
    await page.getByText('Its grants wait since').waitFor();
    await act(page, 'Unpark', 'Let the grants through', { reason: 'A school, known to us' });
    await available(page, 11_000_000);
  });
  await step('replay an event', async () => {
    await at('events');
    await page.getByRole('button', { name: 'Replay' }).first().click();
    await page.getByLabel('Reason').fill('To be sure');
    await page.locator('.act form').getByRole('button').click();
    await page.getByText('waits for its sync', { exact: true }).waitFor();
    await accessible(page, 'Stripe\'s events in the console');
  });
  await step('all of it is in the audit log', async () => {
    await at('log');
    const said = await rows(page);
    for (const [did, why] of [['replayed an event', 'To be sure'], ['let grants through', 'A school, known to us'],
      ['enabled', 'The card was found'], ['disabled', 'Says the card was stolen'],
      ['took points away', 'Meant to be 30'], ['granted points', 'An apology for the wait'],
      ['asked Stripe', 'Paid, and has no points']]) {
      const row = said.find((one) => one.includes(did) && one.includes(why));
      must(row?.includes('admin@example.com'), `the log lacks ${did}`);
    }
    await accessible(page, 'the audit log');
  });
  for (const [room, heading] of [['deliveries', 'Deliveries'], ['jobs', 'Jobs'], ['checks', 'Checks']]) {
    await at(room);
    await page.getByRole('heading', { level: 1, name: heading }).waitFor();
    await accessible(page, `the console's ${room}`);
  }
  await step('leave', async () => {
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByText('You are logged out.').waitFor();
    const kept = await page.evaluate(() => Object.keys(localStorage).filter((name) => /^pointsync.admin/.test(name)));
    must(kept.length === 0, 'a token is left');
  });
});

export async function enter(page, email) {
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
}

export async function find(page, name) {
  await page.getByRole('searchbox').fill(name);
  await page.getByRole('button', { name: 'Find' }).click();
}

const opens = (page, name) => page.locator('summary', { hasText: new RegExp(`^${name}$`) });

// act opens an action of an account, fills its fields and does it.
export async function act(page, name, button, fields) {
  const action = page.locator('details.action').filter({ has: opens(page, name) });
  await action.locator('summary').click();
  for (const [field, value] of Object.entries(fields)) await action.locator(`[name=${field}]`).fill(value);
  await action.getByRole('button', { name: button }).click();
}

const available = (page, n) =>
  page.locator('.sum strong').filter({ hasText: new RegExp(`^${n.toLocaleString('en')}$`) }).waitFor();

async function rows(page) {
  await page.locator('tbody tr').first().waitFor();
  return page.locator('tbody tr').allTextContents();
}
