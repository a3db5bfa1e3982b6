// The payment page, as a payer sees it: every way a card can be wrong, 3-D Secure, leaving, and coming back.
import { pay } from './card.mjs';
import { must, stepper, withPage } from './chromium.mjs';

const wrong = [
  ['a mistyped number', { number: '4242424242424241' }, 'Your card number is incorrect.'],
  ['a real card', { number: '4111111111111111' }, /non test card/],
  ['a month that is none', { exp: '13 / 34' }, /expiration month is invalid/],
  ['a year gone by', { exp: '12 / 20' }, /expiration year is invalid/],
  ['no security code', { cvc: '' }, /security code is invalid/],
  ['a wrong security code', { number: '4000000000000127' }, /security code is incorrect/],
  ['a declined card', { number: '4000000000000002' }, 'Your card was declined.'],
  ['a card without money', { number: '4000000000009995' }, /insufficient funds/],
  ['a card that has expired', { number: '4000000000000069' }, /expired/],
  ['a bank that stumbles', { number: '4000000000000119' }, /error occurred while processing/],
];

export const checkout = (browser, world) => withPage(browser, {}, async (page) => {
  const step = stepper(page);
  const pack = await world.price('100 points', 500);
  await page.goto((await world.session('payment', pack)).url);
  for (const [name, card, said] of wrong) {
    await step(`${name} is told on the page`, async () => {
      await pay(page, card);
      await page.getByRole('alert').filter({ hasText: said }).waitFor();
      must(await page.getByLabel('Card number').inputValue() === '', 'the number was written back');
      must((await page.title()).startsWith('Error:'), 'the title does not say that something is wrong');
    });
  }
  await step('3-D Secure refused is told on the page', async () => {
    await pay(page, { number: '4000002760003184' });
    await page.getByRole('button', { name: 'Refuse payment' }).click();
    await page.getByRole('alert').filter({ hasText: /unable to authenticate/ }).waitFor();
  });
  await step('3-D Secure accepted leads to the shop', async () => {
    await pay(page, { number: '4000002760003184' });
    await page.getByRole('button', { name: 'Confirm payment' }).click();
    await page.waitForURL(`${world.url}/paid`);
  });
  await step('going back after paying pays once', async () => {
    const again = await world.session('payment', pack);
    await page.goto(again.url);
    await pay(page);
    await page.waitForURL(`${world.url}/paid`);
    await page.goBack();
    await page.waitForURL(`${world.url}/paid`);
    const { payment_intent } = await world.ask(`/v1/checkout/sessions/${again.id}`);
    const { data } = await world.ask(`/v1/charges?payment_intent=${payment_intent}`);
    must(data.filter((charge) => charge.paid).length === 1, `it was paid ${data.filter((charge) => charge.paid).length} times`);
  });
  await step('the way back leads to the shop', async () => {
    await page.goto((await world.session('payment', pack)).url);
    await page.getByRole('link', { name: 'Cancel and go back' }).click();
    await page.waitForURL(`${world.url}/left`);
  });
  await step('an expired page says so', async () => {
    const old = await world.session('payment', pack);
    await page.goto(old.url);
    await world.ask(`/v1/checkout/sessions/${old.id}/expire`, {});
    await pay(page);
    await page.getByRole('heading', { name: 'This page has expired' }).waitFor();
  });
  await step('a subscription begins with a trial', async () => {
    const trial = await world.session('subscription', await world.price('Pro plan', 1900, 'month'), { 'subscription_data[trial_period_days]': '14' });
    await page.goto(trial.url);
    await page.getByText('14 days free').waitFor();
    await pay(page);
    await page.waitForURL(`${world.url}/paid`);
  });
});
