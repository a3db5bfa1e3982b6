// A subscription in the demo shop: a larger plan, with its price shown before it is paid; a smaller one, scheduled and
// then withdrawn; seats; a refused card; states that need attention; a cancellation, withdrawn again.
import { accessible } from './axe.mjs';
import { pay } from './card.mjs';
import { must, stepper, withPage } from './chromium.mjs';
import { allKeyed, customerID, keys, order, payAndReturn, points, register, said } from './customer.mjs';
import { walkStates } from './states.mjs';

const email = 'hedy@example.com';

export const subscriber = (browser, urls, world) => withPage(browser, {}, async (page) => {
  const step = stepper(page);
  const sent = keys(page);
  await step('subscribe to the small plan', async () => {
    await register(page, urls, email);
    await order(page, urls, 'Subscribe Basic');
    await payAndReturn(page, urls);
    await points(page, 500);
  });
  await changes(page, step);
  await refused(page, urls, world, step);
  await walkStates(page, step);
  await ends(page, step);
  await step('each change had its key', () => {
    allKeyed(sent, '/subscription/change', '/subscription/cancel', '/subscription/resume');
    const [, , first, again, givenUp] = sent['/subscription/change'];
    must(first === again && again !== givenUp, 'an unpaid change is asked for under its own key, and another under another');
  });
});

const button = (page, name) => page.getByRole('region', { name: 'Your plan' }).getByRole('button', { name, exact: true });
const wish = async (page, plan, seats) => {
  await page.getByLabel('Switch to').selectOption({ label: plan });
  if (seats) await page.locator('#change').getByLabel('Seats').fill(String(seats));
  await button(page, 'Show what it costs').click();
};

async function changes(page, step) {
  await step('see what a larger plan costs', async () => {
    await page.getByRole('button', { name: 'Switch to Pro', exact: true }).click();
    await page.getByRole('heading', { name: 'Pro from now on' }).waitFor();
    must(await page.evaluate(() => document.activeElement.id) === 'offer-title', 'the reader is taken to the price');
    await accessible(page, 'the shop with the price of a change');
  });
  await step('pay just that, and have it', async () => {
    const due = await page.locator('#offer-due').textContent();
    must(/^\$(9\.\d\d|10\.00)$/.test(due), `a change from $9.00 to $19.00 costs ${due}`);
    await button(page, `Pay ${due} and switch`).click();
    await said(page, 'Your plan', 'Pro renews on');
    await page.locator('#catalog .badge:visible').filter({ hasText: 'Your plan: Pro' }).waitFor();
  });
  await step('a smaller plan comes later', async () => {
    await wish(page, 'Basic, $9.00 every month');
    await page.getByRole('heading', { name: /^Basic from .* on$/ }).waitFor();
    must(await page.locator('#offer-due').textContent() === '$0.00', 'nothing is charged now');
    await button(page, /^Switch on /).click();
    await said(page, 'Your plan', 'Pro becomes Basic on');
    await accessible(page, 'the shop with a change to come');
  });
  await step('and not after all', async () => {
    await button(page, 'Keep Pro').click();
    await said(page, 'Your plan', 'Pro renews on');
  });
}

async function refused(page, urls, world, step) {
  const customer = await customerID(world, email);
  const use = async (card) => {
    const { id } = await world.ask(`/v1/payment_methods/${card}/attach`, { customer });
    await world.ask(`/v1/customers/${customer}`, { 'invoice_settings[default_payment_method]': id });
    const { data: [subscription] } = await world.ask(`/v1/subscriptions?customer=${customer}`);
    await world.ask(`/v1/subscriptions/${subscription.id}`, { default_payment_method: id });
  };
  await step('a change whose card is refused waits for its payment', async () => {
    await use('pm_card_chargeCustomerFail');
    await wish(page, 'Team, $15.00 every month', 2);
    await button(page, /^Pay .* and switch$/).click();
    await page.locator('#owed').filter({ hasText: 'Payment required.' }).waitFor();
    await accessible(page, 'the shop with a payment to make');
  });
  await step('asked again it is still not paid', async () => {
    await button(page, 'I have paid').click();
    await said(page, 'Your plan', 'It is not paid yet.');
  });
  await step('give it up', async () => {
    await button(page, 'Give the change up').click();
    await said(page, 'Your plan', 'Pro renews on');
    await page.locator('#owed').waitFor({ state: 'hidden' });
  });
  await step('change to two seats, and pay on Stripe\'s page', async () => {
    await wish(page, 'Team, $15.00 every month', 2);
    await button(page, /^Pay .* and switch$/).click();
    await page.getByRole('link', { name: 'Pay on Stripe’s page' }).click();
    await page.waitForURL(`${urls.sandbox_url}/**`);
    await pay(page);
    await page.getByText(/paid/i).first().waitFor();
  });
  await step('the change is made when one comes back', async () => {
    await page.goto(urls.base_url);
    await said(page, 'Your plan', 'Team (2 seats) renews on');
    await page.locator('#owed').waitFor({ state: 'hidden' });
    await use('pm_card_visa');
  });
}

async function ends(page, step) {
  await step('cancel with the period', async () => {
    await button(page, 'Cancel my plan…').click();
    await page.getByRole('group', { name: 'When should your plan end?' }).waitFor();
    await accessible(page, 'the shop before a cancellation');
    await button(page, 'Cancel my plan').click();
    await said(page, 'Your plan', 'Team (2 seats) ends on');
    await accessible(page, 'the shop with a subscription that ends');
  });
  await step('resume', async () => {
    await button(page, 'Keep my plan').click();
    await said(page, 'Your plan', 'Team (2 seats) renews on');
  });
  await step('cancel at once', async () => {
    await button(page, 'Cancel my plan…').click();
    await page.getByLabel('At once').check();
    await button(page, 'Cancel my plan').click();
    await page.getByRole('button', { name: 'Subscribe Pro', exact: true }).waitFor();
    await page.locator('#told').filter({ hasText: 'The subscription has ended.' }).waitFor();
    await page.getByRole('region', { name: 'Your plan' }).waitFor({ state: 'hidden' });
  });
}
