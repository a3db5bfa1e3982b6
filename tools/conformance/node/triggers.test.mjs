// Proves that Stripe's own command-line client finds its way around the sandbox: `stripe trigger` plays each of its
// scenarios within our objects, and the event it is named after is listed by the API and delivered, signed.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { control, openWorld } from './world.mjs';

const module = join(import.meta.dirname, '../../stripecli');

// Left out are the scenarios of objects that the sandbox does not have (accounts, identity, issuing, payment links,
// payouts, plans, quotes, reports, and the cash that payment_intent.partially_funded draws on), and
// payment_method.detached: its own script asks for the address /v1/payment_methods/${payment_method_attach.id}/detach,
// letter by letter.
const triggers = `
  balance.available charge.captured charge.dispute.created charge.failed charge.refund.updated charge.refunded
  charge.succeeded checkout.session.async_payment_failed checkout.session.async_payment_succeeded
  checkout.session.completed customer.created customer.deleted customer.source.created customer.source.updated
  customer.subscription.created customer.subscription.deleted customer.subscription.paused
  customer.subscription.trial_will_end customer.subscription.updated customer.updated invoice.created invoice.deleted
  invoice.finalized invoice.marked_uncollectible invoice.paid invoice.payment_action_required invoice.payment_failed
  invoice.payment_succeeded invoice.sent invoice.updated invoice.voided invoiceitem.created invoiceitem.deleted
  payment_intent.amount_capturable_updated payment_intent.canceled payment_intent.created
  payment_intent.payment_failed payment_intent.requires_action payment_intent.succeeded payment_method.attached
  price.created price.updated product.created product.deleted product.updated setup_intent.canceled
  setup_intent.created setup_intent.setup_failed setup_intent.succeeded subscription_schedule.canceled
  subscription_schedule.created subscription_schedule.released subscription_schedule.updated
`.trim().split(/\s+/);

// The client names two scenarios after no event; this is what they bring about.
const named = { 'subscription.payment_succeeded': 'invoice.payment_succeeded', 'subscription.payment_failed': 'invoice.payment_failed' };

let world, binary, folder;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pointsync-stripe-'));
  const env = { ...process.env, CGO_ENABLED: '0' };
  const found = spawnSync('go', ['tool', '-n', 'stripe'], { cwd: module, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  assert.equal(found.status, 0, 'the client did not build');
  binary = found.stdout.trim();
  world = await openWorld();
}, { timeout: 480_000 }); // the first build of a machine compiles everything

after(async () => {
  await world?.close();
  rmSync(folder, { recursive: true, force: true });
});

for (const scenario of [...triggers, ...Object.keys(named)]) {
  test(scenario, { timeout: 20_000 }, async () => {
    const seen = world.inbox.length;
    const { code, said } = await trigger(scenario);
    assert.equal(code, 0, said);

    if (scenario.includes('.async_')) await control(world.url, '/_sandbox/clock', { advance_seconds: 3600 }); // the bank answers
    await control(world.url, '/_sandbox/webhooks/flush');
    const type = named[scenario] ?? scenario;
    const event = world.inbox.slice(seen)
      .map(({ body, signature }) => world.stripe.webhooks.constructEvent(body, signature, world.secret))
      .find((each) => each.type === type);
    assert.ok(event, `${type} was not delivered`);
    assert.equal((await world.stripe.events.retrieve(event.id)).type, type);
  });
}

// trigger plays one scenario, with no settings but ours and no report home.
async function trigger(scenario) {
  const env = { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, STRIPE_API_KEY: 'sk_test_commandline', STRIPE_CLI_TELEMETRY_OPTOUT: '1' };
  const run = spawn(binary, ['trigger', scenario, '--api-base', world.url], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [run.stdout, run.stderr]) stream.on('data', (text) => { said += text; });
  const [code] = await once(run, 'close');
  return { code, said };
}
