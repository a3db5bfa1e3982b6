// What the demo shop shows in states that its own customers do not get into. The server's answer is changed on its way
// to the page. dunning.mjs walks into past_due and unpaid.
import { accessible } from './axe.mjs';
import { must } from './chromium.mjs';

const states = [
  ['paused', 'paused', 'Your plan is paused.'],
  ['incomplete', 'first payment missing', 'Your first payment is missing.'],
];

// walkStates needs a page whose customer has an active subscription, and leaves it as it was.
export async function walkStates(page, step) {
  const session = /\/session$/;
  await page.route('**/session/stream', (route) => route.abort());
  for (const [status, word, sentence] of states) {
    await step(`a customer whose subscription is ${status}`, async () => {
      await page.route(session, async (route) => {
        const response = await route.fetch();
        const json = await response.json();
        await route.fulfill({ response, json: { ...json, subscription: { ...json.subscription, status } } });
      });
      await page.reload();
      await page.locator('#subscription').filter({ hasText: word }).waitFor();
      await page.locator('#state').filter({ hasText: sentence }).waitFor();
      must(await page.locator('#change').isHidden(), 'a change that the server would refuse is offered');
      must(await page.getByRole('button', { name: 'Resume and pay' }).isVisible() === (status === 'paused'), 'only a paused plan is resumed');
      await accessible(page, `the shop while the subscription is ${status}`);
      await page.unroute(session);
    });
  }
  await page.unroute('**/session/stream');
  await page.reload();
  await page.locator('#subscription').filter({ hasText: 'active' }).waitFor();
}
