// Checks every page of the sandbox against the rules of accessibility.
import { hold } from './axe.mjs';
import { fill, pay } from './card.mjs';
import { bothWays, cancelling, euros, login, owing, reduced } from './ways.mjs';

// newcomer checks the panel of a sandbox in which nothing has happened yet, so it comes before everything else.
export const newcomer = (browser, world) => hold(browser, { 'the panel of a newcomer': async (page) => {
  await page.goto(world.url);
  await page.getByRole('heading', { name: 'Nothing has happened here yet' }).waitFor();
} });

export const accessibility = async (browser, world) => hold(browser, await everyPage(world));

async function everyPage(world) {
  const [pack, plan] = [await world.price('100 points', 500), await world.price('Pro plan', 1900, 'month')];
  const { customer, subscription } = await world.subscribed(plan, 'ida@example.com', 'Ida Rhodes');
  const ending = await world.subscribed(plan, 'mary@example.com', 'Mary Keller');
  await world.ask(`/v1/subscriptions/${ending.subscription}`, { cancel_at_period_end: 'true' });
  const { payment_intent } = await world.paid(await world.session('payment', pack, { customer }));
  await world.control(`payments/${payment_intent}/dispute`, {});
  await world.ask('/v1/payment_intents', { amount: '900', currency: 'usd', customer, payment_method: 'pm_card_authenticationRequired', confirm: 'true', return_url: world.url });
  await world.control('faults', { kind: 'webhook_delay', events: 'invoice.*', share: 0.2, seed: 7 });
  const clock = await world.ask('/v1/test_helpers/test_clocks', { frozen_time: '1900000000', name: 'Far away' });
  const event = (await world.ask('/v1/events?limit=1')).data[0];
  const over = await world.session('payment', pack);
  await world.ask(`/v1/checkout/sessions/${over.id}/expire`, {});
  const at = (address) => (page) => page.goto(new URL(address, world.url).href);
  const paying = (session, card) => async (page) => {
    await page.goto((await session()).url);
    await pay(page, card);
    await page.locator('.alert, .choices').first().waitFor();
  };
  const once = () => world.session('payment', pack);
  return {
    'the payment page': async (page) => page.goto((await once()).url),
    'the payment page of a subscription': async (page) => page.goto((await world.session('subscription', plan, { customer })).url),
    'the payment page of a trial': async (page) => page.goto((await world.session('subscription', plan, { 'subscription_data[trial_period_days]': '14' })).url),
    'the payment page with a wrong field': paying(once, { number: '4242424242424241' }),
    'the payment page after a decline': paying(once, { number: '4000000000000002' }),
    '3-D Secure': paying(once, { number: '4000002760003184' }),
    'the payment page with a wrong code': async (page) => {
      await page.goto((await reduced(world, pack)).session.url);
      await page.getByLabel('Promotion code').fill('NOTHING');
      await page.getByRole('button', { name: 'Apply code' }).click();
      await page.getByRole('alert').waitFor();
    },
    'the payment page at a discount': async (page) => {
      const { code, session } = await reduced(world, pack);
      await page.goto(session.url);
      await page.getByLabel('Promotion code').fill(code);
      await page.getByRole('button', { name: 'Apply code' }).click();
      await page.getByRole('button', { name: `Remove ${code}` }).waitFor();
    },
    'the payment page that takes a bank account': at((await world.session('payment', await euros(world, 900), bothWays)).url),
    'the page that saves a card': at((await world.ask('/v1/checkout/sessions', { mode: 'setup', currency: 'usd', customer, success_url: `${world.url}/paid` })).url),
    'an invoice to pay': at((await owing(world, customer)).hosted_invoice_url),
    'the portal\'s login': at(await login(world)),
    'the portal at one thing': at((await cancelling(world, customer, subscription)).url),
    'an expired payment page': at(over.url ?? `/c/pay/${over.id}`),
    'an address that leads nowhere': at('/nowhere'),
    'the portal': at(await world.portal(customer)),
    'the portal of a subscription that ends': at(await world.portal(ending.customer)),
    'the portal of a stranger': at(await world.portal(await world.customer('new@example.com', 'New'))),
    'the portal after a refused card': async (page) => {
      await page.goto(await world.portal(customer));
      await page.getByText('Use another card').click();
      await fill(page, { number: '4242424242424241' });
      await page.getByRole('button', { name: 'Save card' }).click();
      await page.getByRole('alert').waitFor();
    },
    'the panel': at('/'),
    'the panel after an action': async (page) => {
      await page.goto(world.url);
      await page.getByRole('button', { name: '+1 hour' }).click();
      await page.getByRole('status').waitFor();
    },
    'the panel after a refused action': async (page) => {
      await page.goto(`${world.url}/panel/endpoints`);
      await page.getByLabel('URL').fill('ftp:nowhere');
      await page.getByRole('button', { name: 'Add endpoint' }).click();
      await page.getByRole('alert').waitFor();
    },
    ...Object.fromEntries(['subscriptions', 'checkout', 'payments', 'invoices', 'customers', 'disputes', 'refunds', 'events', 'deliveries', 'endpoints', 'faults', 'catalog', 'clocks']
      .map((book) => [`the panel's ${book}`, at(`/panel/${book}`)])),
    ...Object.fromEntries(Object.entries({ 'a customer': customer, 'a subscription': subscription, 'a payment': payment_intent, 'an event': event.id, 'a test clock': clock.id })
      .map(([name, id]) => [`the panel's page of ${name}`, at(`/panel/object/${id}`)])),
    'the panel\'s search': at('/panel/search?q=example'),
  };
}
