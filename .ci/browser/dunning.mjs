// A renewal that fails, in the demo shop: what the customer sees without a reload, until the money comes or the retries
// are over. It moves the clock by more than a month, so it is the last of the walks.
import { accessible } from './axe.mjs';
import { pay } from './card.mjs';
import { must, stepper, withPage } from './chromium.mjs';
import { customerID, order, payAndReturn, points, register } from './customer.mjs';

const email = 'grace@example.com';

export const dunning = (browser, urls, world) => withPage(browser, {}, async (page) => {
  const step = stepper(page);
  let subscription;
  const next = (outcome) => world.control(`subscriptions/${subscription}/next_invoice`, { outcome });
  const state = (text) => page.locator('#state').filter({ hasText: text }).waitFor();
  await step('dunning: subscribe', async () => {
    await register(page, urls, email);
    await order(page, urls, 'Subscribe Basic');
    await payAndReturn(page, urls);
    await points(page, 500);
    const { data } = await world.ask(`/v1/subscriptions?customer=${await customerID(world, email)}`);
    subscription = data[0].id;
    await world.control('settings', { after_last_retry: 'unpaid', retry_days: [1] });
  });
  await step('dunning: a renewal that fails shows by itself', async () => {
    await next('failed');
    await page.locator('#subscription').filter({ hasText: 'payment failed' }).waitFor();
    await state('Your last payment failed.');
    await page.getByRole('button', { name: 'Pay now' }).waitFor();
    must(await page.locator('#change').isHidden(), 'a change that the server would refuse is offered');
    await accessible(page, 'the shop after a renewal that failed');
  });
  await step('dunning: its invoice is paid from the portal, and its points arrive', async () => {
    await page.getByRole('button', { name: 'Pay now' }).click();
    await page.waitForURL(`${urls.sandbox_url}/**`);
    await page.getByRole('row', { name: /open/i }).getByRole('link').click();
    await pay(page);
    await page.getByText(/paid/i).first().waitFor();
    await page.goto(urls.base_url);
    await page.locator('#subscription').filter({ hasText: 'active' }).waitFor();
    await page.getByRole('button', { name: 'Pay now' }).waitFor({ state: 'hidden' });
    await page.locator('#entries').getByText('+500').nth(1).waitFor();
    await points(page, 500);
  });
  await step('dunning: after the last retry the plan is off', async () => {
    await next('failed');
    await state('Your last payment failed.');
    await next('failed');
    await state('You owe payments, so your plan is off.');
    await accessible(page, 'the shop while payments are owed');
  });
});
