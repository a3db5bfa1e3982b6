// The billing portal, as a customer uses it: change the plan, cancel, withdraw that, and use another card.
import { fill } from './card.mjs';
import { must, stepper, withPage } from './chromium.mjs';

export const portal = (browser, world) => withPage(browser, {}, async (page) => {
  const step = stepper(page);
  const [small, large] = [await world.price('Small plan', 900, 'month'), await world.price('Large plan', 2900, 'month')];
  const { customer, subscription } = await world.subscribed(small, 'grace@example.com', 'Grace Hopper');
  const now = () => world.ask(`/v1/subscriptions/${subscription}`);
  await page.goto(await world.portal(customer));
  await step('change the plan', async () => {
    await page.getByLabel('Change plan to').selectOption({ label: 'Large plan, $29.00 / month' });
    await page.getByRole('button', { name: 'Change plan' }).click();
    await page.getByRole('status').filter({ hasText: 'Your plan was changed.' }).waitFor();
    must((await now()).items.data[0].price.id === large, 'the plan is another');
  });
  await step('cancel', async () => {
    await page.getByRole('button', { name: 'Cancel subscription' }).click();
    await page.getByText('ends soon').waitFor();
    must((await now()).cancel_at_period_end, 'it goes on');
  });
  await step('resume', async () => {
    await page.getByRole('button', { name: 'Keep the subscription' }).click();
    await page.getByRole('status').filter({ hasText: 'Your plan goes on.' }).waitFor();
    must(!(await now()).cancel_at_period_end, 'it ends');
  });
  await step('a card that is refused is told', async () => {
    await page.getByText('Use another card').click();
    await fill(page, { number: '4000000000000002' });
    await page.getByRole('button', { name: 'Save card' }).click();
    await page.getByRole('alert').first().waitFor();
  });
  await step('another card is kept', async () => {
    const form = page.getByLabel('Card number');
    if (!await form.isVisible()) await page.getByText('Use another card').click();
    await fill(page, { number: '5555555555554444' });
    await page.getByRole('button', { name: 'Save card' }).click();
    await page.getByRole('status').filter({ hasText: 'Your card was updated.' }).waitFor();
    await page.getByText('4444').first().waitFor();
  });
  await step('return to the shop', async () => {
    await page.getByRole('link', { name: /^Return to/ }).click();
    await page.waitForURL(`${world.url}/back`);
  });
});
