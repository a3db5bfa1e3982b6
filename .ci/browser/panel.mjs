// The control panel, as an operator uses it: move the clock, let a renewal fail, refund, dispute, resend and set
// faults, and see the result without a reload.
import { must, stepper, withPage } from './chromium.mjs';

export const panel = (browser, world) => withPage(browser, {}, async (page) => {
  const step = stepper(page);
  const { customer, subscription } = await world.subscribed(await world.price('Panel plan', 1900, 'month'), 'alan@example.com', 'Alan Turing');
  const endpoint = await world.ask('/v1/webhook_endpoints', { url: 'http://127.0.0.1:1/nobody', 'enabled_events[]': '*' });
  const said = (text) => page.getByRole('status').filter({ hasText: text }).waitFor();
  const row = (text) => page.locator('tr', { hasText: text }).first();
  await step('advance the clock by a day', async () => {
    const before = new Date((await world.control('clock')).now);
    await page.goto(world.url);
    await page.getByRole('button', { name: '+1 day' }).click();
    await said('The clock was moved by 1 day.');
    must(new Date((await world.control('clock')).now) - before >= 86_400_000, 'the clock did not move');
  });
  await step('find a customer by email', async () => {
    await page.getByRole('searchbox').fill('alan@');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByRole('link', { name: 'alan@example.com' }).click();
    await page.getByRole('heading', { level: 1, name: 'alan@example.com' }).waitFor();
  });
  await step('make the next invoice fail', async () => {
    await page.getByRole('button', { name: /^Fail next/ }).click();
    await said('The next invoice is not paid:');
    await row('Panel plan').getByText('past due').waitFor();
  });
  await step('and pay it', async () => {
    await page.getByRole('button', { name: /^Pay next/ }).click();
    await said('The next invoice is paid:');
    must((await world.ask(`/v1/subscriptions/${subscription}`)).status === 'active', 'it is not active');
  });
  await step('refund a part', async () => {
    const [newest, first] = (await world.ask(`/v1/charges?customer=${customer}`)).data.filter((charge) => charge.paid);
    await page.goto(`${world.url}/panel/object/${newest.id}`);
    await page.locator('#object').getByLabel(/^Amount/).fill('400');
    await page.locator('#object').getByRole('button', { name: /^Refund/ }).click();
    await said('The payment is refunded:');
    await page.goto(`${world.url}/panel/object/${first.id}`);
  });
  await step('dispute, and lose', async () => {
    await page.locator('#object').getByRole('button', { name: /^Dispute/ }).click();
    await said('The payment is disputed:');
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('heading', { name: 'Waiting for you' }).waitFor();
    await row('Fraudulent').getByRole('button', { name: /^Lose/ }).click();
    await said('The dispute is decided for the payer.');
  });
  await step('answer a waiting 3-D Secure', async () => {
    await world.ask('/v1/payment_intents', { amount: '4200', currency: 'usd', customer, payment_method: 'pm_card_authenticationRequired', confirm: 'true', return_url: world.url });
    await row('requires action').getByRole('button', { name: /^Accept/ }).click(); // it appears without a reload
    await said('The payer confirmed.');
  });
  await step('resend an event', async () => {
    await page.getByRole('link', { name: /^Events/ }).click();
    await page.getByRole('button', { name: /^Resend/ }).first().click();
    await said('The event is sent again.');
  });
  await step('set a fault and clear it', async () => {
    await page.getByRole('link', { name: 'Faults' }).click();
    await page.getByLabel('Fault', { exact: true }).selectOption('api_rate_limit');
    await page.getByLabel(/^Only/).fill('GET /v1/balance');
    await page.getByRole('button', { name: 'Set fault' }).click();
    await said('The fault is set.');
    const struck = await world.ask('/v1/balance').catch((error) => error);
    must(struck.message?.includes('429'), 'the fault does not strike');
    await row('api_rate_limit').getByText('1 of 1').waitFor(); // also without a reload
    await page.getByRole('button', { name: 'Clear all' }).click();
    await said('All faults are cleared.');
  });
  await step('roll a secret', async () => {
    await page.goto(`${world.url}/panel/object/${endpoint.id}`);
    await page.getByRole('button', { name: /^Roll secret/ }).click();
    await page.getByRole('status').getByText(/whsec_/).waitFor();
    await page.getByRole('button', { name: /^Disable/ }).click();
    await said('The endpoint is disabled.');
  });
  await live(page, world, step);
});

async function live(page, world, step) {
  await step('an event appears without a reload, and nothing moves under the reader', async () => {
    await page.goto(world.url);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.evaluate(() => { window.scrollTo(0, 300); window.untouched = true; });
    await page.getByRole('searchbox').focus();
    await page.keyboard.type('half a th');
    const before = await page.evaluate(() => window.scrollY);
    await world.customer('live@example.com', 'Liv');
    await page.locator('#events tr', { hasText: 'customer.created' }).first().waitFor();
    await page.locator('#customers tr', { hasText: 'live@example.com' }).waitFor();
    const after = await page.evaluate(() => [window.untouched, document.activeElement.id, document.activeElement.value, window.scrollY]);
    must(after.join() === [true, 'q', 'half a th', before].join(), `it became ${after}`);
  });
  await step('a button that has the focus keeps it', async () => {
    await page.locator('#subscriptions button').first().focus();
    await world.subscribed(await world.price('Late plan', 700, 'month'), 'late@example.com', 'Late');
    await page.locator('#customers tr', { hasText: 'late@example.com' }).waitFor();
    must(await page.evaluate(() => document.activeElement.closest('#subscriptions') !== null), 'the focus is lost');
    await page.getByRole('searchbox').focus();
    await page.locator('#subscriptions tr', { hasText: 'Late plan' }).waitFor();
  });
}
