// Proves that the sandbox serves a second official SDK: stripe-node plays purchase, renewal, decline, refund and
// cancellation, and its own constructEvent verifies every delivery.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Stripe from 'stripe';
import { control, openWorld, pay } from './world.mjs';

const month = 32 * 86400; // seconds: past any month's end and its draft hour
const success_url = 'https://shop.test/ok';
const opened = { timeout: 20_000 };

let world, stripe, pack, plan;

before(async () => {
  world = await openWorld();
  stripe = world.stripe;
  const product = await stripe.products.create({ name: 'Points' });
  pack = await stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 900 });
  plan = await stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 1900, recurring: { interval: 'month' } });
}, { timeout: 120_000 }); // the first build of a machine compiles everything

after(() => world?.close());

// delivered verifies all that the receiver was sent so far and returns the events, oldest first. A delivery is signed
// at the sandbox's time, so once its clock was moved the verifier is told when it "received" it: the signature's own
// second.
async function delivered() {
  await control(world.url, '/_sandbox/webhooks/flush');
  return world.inbox.map(({ body, signature }) => {
    return stripe.webhooks.constructEvent(body, signature, world.secret, 300, undefined, signedAt(signature));
  });
}

// signedAt answers a signature's time in milliseconds, as the verifier takes it.
const signedAt = (signature) => Number(signature.match(/t=(\d+)/)[1]) * 1000;

async function requireDelivered(id, ...types) {
  const about = (await delivered()).filter(({ data }) => JSON.stringify(data.object).includes(id)).map(({ type }) => type);
  for (const type of types) assert.ok(about.includes(type), `${type} of ${id} is not among ${about}`);
}

async function subscribe(card = 'pm_card_visa') {
  const customer = await stripe.customers.create({ email: 'jo@shop.test' });
  const session = await stripe.checkout.sessions.create({
    mode: 'subscription', customer: customer.id, success_url, line_items: [{ price: plan.id, quantity: 1 }],
  });
  const paid = await pay(world.url, session, card);
  assert.equal(paid.status, 200, JSON.stringify(paid.body));
  return stripe.subscriptions.retrieve(paid.body.subscription, { expand: ['latest_invoice.payment_intent'] });
}

async function buyPack(card) {
  const session = await stripe.checkout.sessions.create({ mode: 'payment', success_url, line_items: [{ price: pack.id, quantity: 2 }] });
  assert.equal(session.amount_total, 1800);
  return { session, paid: await pay(world.url, session, card) };
}

test('the API version is the one that this release pins', opened, async () => {
  assert.equal(Stripe.PACKAGE_VERSION, '14.25.0');
  assert.equal(stripe.getApiField('version'), '2023-10-16');
  const customer = await stripe.customers.create({ name: 'Jo' });
  assert.equal(customer.lastResponse.statusCode, 200);
  const refusal = { type: 'StripeInvalidRequestError', code: 'resource_missing', param: 'id' };
  await assert.rejects(stripe.customers.retrieve('cus_none'), refusal);
});

test('a checkout is paid, then refunded in part and in full', opened, async () => {
  const { session, paid } = await buyPack('pm_card_visa');
  assert.equal(paid.status, 200, JSON.stringify(paid.body));
  const done = await stripe.checkout.sessions.retrieve(session.id, { expand: ['line_items', 'payment_intent.latest_charge'] });
  assert.equal(done.payment_status, 'paid');
  assert.equal(done.line_items.data[0].quantity, 2);
  const charge = done.payment_intent.latest_charge;
  assert.equal(charge.amount, 1800);
  await requireDelivered(session.id, 'checkout.session.completed');

  const part = await stripe.refunds.create({ payment_intent: done.payment_intent.id, amount: 400 });
  assert.equal(part.status, 'succeeded');
  assert.equal((await stripe.charges.retrieve(charge.id)).amount_refunded, 400);
  await stripe.refunds.create({ charge: charge.id });
  assert.equal((await stripe.charges.retrieve(charge.id)).refunded, true);
  await assert.rejects(stripe.refunds.create({ charge: charge.id }), { code: 'charge_already_refunded' });
  await requireDelivered(charge.id, 'charge.succeeded', 'charge.refunded');
});

test('a declined card leaves the session open', opened, async () => {
  const { session, paid } = await buyPack('pm_card_visa_chargeDeclinedInsufficientFunds');
  assert.equal(paid.status, 402);
  assert.equal(paid.body.error.decline_code, 'insufficient_funds');
  assert.equal((await stripe.checkout.sessions.retrieve(session.id)).status, 'open');
  assert.equal((await pay(world.url, session, 'pm_card_visa')).status, 200);
});

test('a declined payment intent raises a card error', opened, async () => {
  const refused = stripe.paymentIntents.create({
    amount: 500, currency: 'usd', payment_method: 'pm_card_chargeDeclined', payment_method_types: ['card'], confirm: true,
  });
  await assert.rejects(refused, (error) => {
    assert.ok(error instanceof Stripe.errors.StripeCardError, String(error));
    assert.equal(error.code, 'card_declined');
    assert.equal(error.payment_intent.status, 'requires_payment_method');
    return true;
  });
});

test('the same Idempotency-Key makes one customer', opened, async () => {
  const first = await stripe.customers.create({ name: 'A' }, { idempotencyKey: 'one' });
  const second = await stripe.customers.create({ name: 'A' }, { idempotencyKey: 'one' });
  assert.equal(second.id, first.id);
  assert.equal(second.lastResponse.headers['idempotent-replayed'], 'true');
  await assert.rejects(stripe.customers.create({ name: 'B' }, { idempotencyKey: 'one' }), { type: 'StripeIdempotencyError' });
});

test('lists page by themselves', opened, async () => {
  const email = 'many@shop.test';
  for (let n = 0; n < 5; n++) await stripe.customers.create({ email, metadata: { n } });
  const found = await stripe.customers.list({ email, limit: 2 }).autoPagingToArray({ limit: 100 });
  assert.deepEqual(found.map(({ metadata }) => metadata.n), ['4', '3', '2', '1', '0']);
});

test('a subscription is bought, renews, and is canceled at the period\'s end', opened, async () => {
  const bought = await subscribe();
  assert.equal(bought.status, 'active');
  assert.equal(bought.latest_invoice.payment_intent.status, 'succeeded');
  await requireDelivered(bought.id, 'customer.subscription.created', 'invoice.paid', 'checkout.session.completed');

  await control(world.url, '/_sandbox/clock', { advance_seconds: month });
  const renewed = await stripe.subscriptions.retrieve(bought.id, { expand: ['latest_invoice'] });
  assert.equal(renewed.current_period_start, bought.current_period_end);
  assert.equal(renewed.latest_invoice.billing_reason, 'subscription_cycle');
  assert.equal(renewed.latest_invoice.status, 'paid');
  await requireDelivered(renewed.latest_invoice.id, 'invoice.created', 'invoice.finalized', 'invoice.paid', 'invoice.payment_succeeded');

  const leaving = await stripe.subscriptions.update(bought.id, { cancel_at_period_end: true });
  assert.equal(leaving.cancel_at, renewed.current_period_end);
  await control(world.url, '/_sandbox/clock', { advance_seconds: month });
  assert.equal((await stripe.subscriptions.retrieve(bought.id)).status, 'canceled');
  await requireDelivered(bought.id, 'customer.subscription.updated', 'customer.subscription.deleted');
});

test('a renewal that fails makes the subscription past due; it can be canceled at once', opened, async () => {
  await assert.rejects(subscribe('pm_card_chargeCustomerFail'), /card_declined/); // it can be saved, and pays nothing
  const good = await subscribe();
  await control(world.url, `/_sandbox/subscriptions/${good.id}/next_invoice`, { outcome: 'failed' });
  assert.equal((await stripe.subscriptions.retrieve(good.id)).status, 'past_due');
  await requireDelivered(good.id, 'invoice.payment_failed');
  assert.equal((await stripe.subscriptions.cancel(good.id)).status, 'canceled');
  await requireDelivered(good.id, 'customer.subscription.deleted');
});

test('a forged or stale delivery is refused', opened, async () => {
  await delivered();
  const { body, signature } = world.inbox[0];
  const at = signedAt(signature);
  assert.throws(() => stripe.webhooks.constructEvent(`${body} `, signature, world.secret, 300, undefined, at), /No signatures found matching/);
  assert.throws(() => stripe.webhooks.constructEvent(body, signature, 'whsec_other', 300, undefined, at), /No signatures found matching/);
  assert.throws(() => stripe.webhooks.constructEvent(body, signature, world.secret, 300, undefined, at + 301_000), /tolerance/);
});
