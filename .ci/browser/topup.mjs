// Automatic top-up in the demo shop: refused without a saved card, set, and a pack bought automatically. Then what
// happens when the card is gone, and the threshold for low points.
import { accessible } from './axe.mjs';
import { must, stepper, withPage } from './chromium.mjs';
import { customerID, enter, order, payAndReturn, points, register, said, spend } from './customer.mjs';

const patient = { timeout: 60_000 }; // milliseconds: the job looks every 5 seconds, and so does the shop
const email = 'radia@example.com';

export const topUp = (browser, urls, world) => withPage(browser, {}, async (page) => {
  const step = stepper(page);
  const section = page.getByRole('region', { name: 'Automatic top-up' });
  const press = (name) => section.getByRole('button', { name, exact: true }).click();
  await step('a top-up without a saved card is refused', async () => {
    await register(page, urls, email);
    await press('Switch on');
    await said(page, 'Automatic top-up', 'No payment method is saved.');
  });
  await step('buy a pack and keep the card', async () => {
    await page.getByLabel('Keep my card').check();
    await order(page, urls, 'Buy 100 points');
    await payAndReturn(page, urls);
    await points(page, 100);
  });
  await step('a price that is not the one shown is not agreed to', async () => {
    await page.route('**/points/top-up', async (route) => {
      const response = await route.fetch();
      const { top_up: answer } = await response.json();
      await route.fulfill({ response, json: { top_up: { ...answer, amount: answer.amount + 1 } } });
    }, { times: 1 });
    await press('Switch on');
    await said(page, 'Automatic top-up', 'The price or the points have changed, so it is off.');
    await section.getByText('It is off.', { exact: true }).waitFor();
  });
  await step('set a top-up up, with its price', async () => {
    await section.getByLabel('How many').fill('2');
    await section.getByLabel('Below points').fill('60');
    await section.getByLabel('Times a month').fill('3');
    await section.getByText('200 points for $10.00 each time, $30.00 a month at the most.').waitFor();
    await press('Switch on');
    await said(page, 'Automatic top-up', 'It is on: $10.00 each time, $30.00 a month at the most.');
    await accessible(page, 'the shop with a top-up that is on');
  });
  await step('points that run low are bought by themselves', async () => {
    await spend(page, 50);
    await points(page, 250, patient);
    await section.getByText('Bought this month: 1 of 3 at the most.').waitFor(patient);
    await page.locator('#entries').getByText('+200').waitFor();
  });
  await step('without a card the top-up needs attention', async () => {
    const customer = await customerID(world, email);
    for (const { id } of (await world.ask(`/v1/customers/${customer}/payment_methods`)).data) await world.ask(`/v1/payment_methods/${id}/detach`, {});
    await spend(page, 200);
    await section.getByText('Needs your attention. No payment method is saved any more.').waitFor(patient);
    await accessible(page, 'the shop with a top-up that needs attention');
  });
  await step('switch it off, and forget it', async () => {
    await press('Switch off');
    await said(page, 'Automatic top-up', 'It is off.');
    await press('Forget it');
    await said(page, 'Automatic top-up', 'It is forgotten.');
  });
  await step('say how few points are low', async () => {
    await page.getByLabel('Tell the shop below').fill('25');
    await page.getByRole('region', { name: 'Low points' }).getByRole('button', { name: 'Save' }).click();
    await said(page, 'Low points', 'Saved.');
    await page.reload();
    await page.waitForFunction(() => document.getElementById('low').value === '25');
  });
  await step('the next customer finds nothing of it', async () => {
    await page.getByLabel('Promotion code').fill('SECRET');
    await page.getByRole('button', { name: 'Log out' }).click();
    await enter(page, 'next@example.com');
    const left = await page.evaluate(() => ['promotion', 'low', 'below'].map((id) => document.getElementById(id).value));
    must(left.join() === ',,50', `there is ${left}`);
  });
});
