// All pages of the sandbox again, in a browser that runs no JavaScript.
import { pay } from './card.mjs';
import { stepper, withPage } from './chromium.mjs';

export const plain = (browser, world) => withPage(browser, { javaScriptEnabled: false }, async (page) => {
  const step = stepper(page);
  const plan = await world.price('Plain plan', 1100, 'month');
  await step('without JavaScript: pay after a decline and 3-D Secure', async () => {
    await page.goto((await world.session('subscription', plan)).url);
    await pay(page, { number: '4000000000000002' });
    await page.getByText('Your card was declined.').waitFor();
    await pay(page, { number: '4000002760003184' });
    await page.getByRole('button', { name: 'Confirm payment' }).click();
    await page.waitForURL(`${world.url}/paid`);
  });
  await step('without JavaScript: the portal', async () => {
    const { customer } = await world.subscribed(plan, 'plain@example.com', 'Plain');
    await page.goto(await world.portal(customer));
    await page.getByRole('button', { name: 'Cancel subscription' }).click();
    await page.getByText('ends soon').waitFor();
    await page.getByText('Use another card').click();
    await page.getByLabel('Card number').waitFor();
  });
  await step('without JavaScript: the panel', async () => {
    await page.goto(world.url);
    await page.getByRole('button', { name: '+1 hour' }).click();
    await page.getByText('The clock was moved by 1 hour.').waitFor();
    await page.getByLabel('Advance by').fill('2');
    await page.getByLabel('Unit').selectOption('days');
    await page.getByRole('button', { name: 'Advance' }).click();
    await page.getByText('The clock was moved by 2 days.').waitFor();
    await page.getByRole('link', { name: /^Subscriptions/ }).click();
    await page.locator('tr', { hasText: 'Plain plan' }).first().getByRole('button', { name: /^Cancel now/ }).click();
    await page.getByText('The subscription is canceled.').waitFor();
  });
});
