// The other ways to pay and manage: promotion codes, bank debits, saving a card, an invoice's page, the portal by its
// login link, and the portal opened for one task.
import { fill, pay } from './card.mjs';
import { must, stepper, withPage } from './chromium.mjs';

// reduced makes a code that takes 20 % off, and a session whose page asks for one.
export async function reduced(world, price, more = {}) {
  const coupon = await world.ask('/v1/coupons', { percent_off: '20', duration: 'once', name: 'Winter' });
  const { code } = await world.ask('/v1/promotion_codes', { coupon: coupon.id });
  return { code, session: await world.session('payment', price, { allow_promotion_codes: 'true', ...more }) };
}

// euros makes a price that a bank account can pay too.
export const euros = async (world, amount) => (await world.ask('/v1/prices', { currency: 'eur', unit_amount: String(amount), 'product_data[name]': '100 points' })).id;

export const bothWays = { 'payment_method_types[0]': 'card', 'payment_method_types[1]': 'sepa_debit' };

// owing makes an open invoice that the customer has to pay.
export async function owing(world, customer) {
  await world.ask('/v1/invoiceitems', { customer, amount: '4200', currency: 'usd', description: 'Setup fee' });
  const { id } = await world.ask('/v1/invoices', { customer, collection_method: 'send_invoice', days_until_due: '14', pending_invoice_items_behavior: 'include' });
  return world.ask(`/v1/invoices/${id}/finalize`, {});
}

export async function login(world) {
  const { id } = await world.ask('/v1/billing_portal/configurations', { 'business_profile[headline]': 'Points', 'login_page[enabled]': 'true', 'features[invoice_history][enabled]': 'true' });
  return (await world.ask(`/v1/billing_portal/configurations/${id}`)).login_page.url;
}

export const cancelling = (world, customer, subscription) => world.ask('/v1/billing_portal/sessions', {
  customer, 'flow_data[type]': 'subscription_cancel', 'flow_data[subscription_cancel][subscription]': subscription,
  'flow_data[after_completion][type]': 'redirect', 'flow_data[after_completion][redirect][return_url]': `${world.url}/left`,
});

export const ways = (browser, world) => withPage(browser, {}, async (page) => {
  const step = stepper(page);
  const { code, session } = await reduced(world, await world.price('100 points', 500));
  await step('a promotion code that is none is told on the page', async () => {
    await page.goto(session.url);
    await page.getByLabel('Promotion code').fill('NOTHING');
    await page.getByRole('button', { name: 'Apply code' }).click();
    await page.getByRole('alert').filter({ hasText: /code/ }).waitFor();
  });
  await step('a promotion code is applied, removed, and applied again', async () => {
    for (const last of [false, true]) {
      await page.getByLabel('Promotion code').fill(code.toLowerCase());
      await page.getByRole('button', { name: 'Apply code' }).click();
      await page.getByRole('button', { name: 'Pay $4.00' }).waitFor();
      if (!last) await page.getByRole('button', { name: `Remove ${code}` }).click();
    }
    await pay(page);
    await page.waitForURL(`${world.url}/paid`);
    must((await world.ask(`/v1/checkout/sessions/${session.id}`)).amount_total === 400, 'the session was not paid at its reduced price');
  });
  await step('pay from a bank account', async () => {
    const debit = await world.session('payment', await euros(world, 900), bothWays);
    await page.goto(debit.url);
    await page.getByRole('textbox', { name: 'Email' }).fill('ada@example.com');
    await page.getByLabel('Bank debit (SEPA)').check();
    await page.getByLabel('IBAN').fill('AT61 1904 3002 3457 3201');
    await page.getByLabel('Account holder').fill('Ada Lovelace');
    await page.getByRole('button', { name: /^Pay/ }).click();
    await page.waitForURL(`${world.url}/paid`);
    must((await world.ask(`/v1/checkout/sessions/${debit.id}`)).payment_status === 'unpaid', 'the bank has not answered yet');
  });
  const customer = await world.customer('ways@example.com', 'Way Finder');
  await step('save a card', async () => {
    const saving = await world.ask('/v1/checkout/sessions', { mode: 'setup', currency: 'usd', customer, success_url: `${world.url}/paid` });
    await page.goto(saving.url);
    await fill(page);
    await page.getByRole('button', { name: 'Save card' }).click();
    await page.waitForURL(`${world.url}/paid`);
  });
  await step('pay an invoice on its page', async () => {
    const { id, hosted_invoice_url: address } = await owing(world, customer);
    await page.goto(address);
    await pay(page);
    await page.getByText(/paid/i).first().waitFor();
    must((await world.ask(`/v1/invoices/${id}`)).status === 'paid', 'the invoice is not paid');
  });
  await step('enter the portal by its login page', async () => {
    await page.goto(await login(world));
    await page.getByRole('textbox', { name: 'Email' }).fill('ways@example.com');
    await page.getByRole('button').first().click();
    await page.getByRole('heading', { name: 'Billing' }).waitFor();
  });
  await step('cancel at once where the portal opens for that', async () => {
    const { customer: leaver, subscription } = await world.subscribed(await world.price('Pro plan', 1900, 'month'), 'leaver@example.com', 'Lea Ver');
    await page.goto((await cancelling(world, leaver, subscription)).url);
    await page.getByRole('button', { name: 'Cancel subscription' }).click();
    await page.waitForURL(`${world.url}/left`);
  });
});
