// Rule 3: what moves points has a key, and is repeated with it until a definite response.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NoAnswer } from '@pointsync/client';
import { withAda } from './world.mjs';

const path = '/points/spend';
const spend = (client, more = {}) => client.POST(path, { body: { amount: 30 }, ...more });
const keysOf = (proxy) => proxy.to(path).map(({ headers }) => headers['idempotency-key']);

const faults = {
  'a response that was cut': { cut: true },
  'a connection that broke': { drop: true },
  'a 502 of a proxy': { status: 502, headers: { 'Content-Type': 'text/html' }, body: '<h1>Bad gateway</h1>' },
  'a 503': { status: 503, headers: { 'Retry-After': '1' } },
  'a 504': { status: 504 },
  'a 429 with Retry-After': { status: 429, headers: { 'Retry-After': '1' } },
  'a response that takes too long': { late: new Promise(() => {}) },
};
for (const [name, fault] of Object.entries(faults)) {
  test(`${name}: the spend is repeated with its key, and debits once`, () => withAda(100, async ({ ada, proxy, balance }) => {
    proxy.plan(path, fault);
    const { data } = await spend(ada);
    assert.equal(data.points.available, 70);
    assert.equal(await balance(), 70);
    const keys = keysOf(proxy);
    assert.equal(keys.length, 2);
    assert.ok(keys[0]);
    assert.equal(keys[0], keys[1]);
  }, { timeoutMs: 1500, patienceMs: 10_000 }));
}

test('Retry-After is waited for', () => withAda(100, async ({ ada, proxy }) => {
  proxy.plan(path, { status: 503, headers: { 'Retry-After': '1' } });
  const before = Date.now();
  await spend(ada);
  assert.ok(Date.now() - before >= 950);
}));

test('two intentions have two keys, and a definite response is not repeated', () => withAda(40, async ({ ada, proxy }) => {
  assert.equal((await spend(ada)).response.status, 200);
  assert.equal((await spend(ada)).response.status, 402);
  assert.equal(new Set(keysOf(proxy)).size, 2);
}));

test('a refusal of Stripe is definite', () => withAda(0, async ({ ada, proxy }) => {
  proxy.plan(path, { status: 502, headers: { 'Content-Type': 'application/problem+json' }, body: '{"type":"/problems/stripe-refused","status":502}' });
  assert.equal((await spend(ada)).error.type, '/problems/stripe-refused');
  assert.equal(proxy.to(path).length, 1);
}));

test('a 401 in between keeps the key', () => withAda(100, async ({ ada, proxy, storage, balance }) => {
  await storage.setItem('pointsync.token', 'e30.e30.e30');
  proxy.plan(path, undefined, { cut: true });
  assert.equal((await spend(ada)).data.points.available, 70);
  assert.equal(new Set(keysOf(proxy)).size, 1);
  assert.equal(await balance(), 70);
}));

test('repeating ends after the patience, and the key goes on', () => withAda(100, async ({ ada, proxy, balance }) => {
  proxy.plan(path, () => ({ status: 503 }));
  const unsure = await spend(ada);
  assert.equal(unsure.response.status, 503);
  assert.ok(keysOf(proxy).length >= 3);
  proxy.plan(path, () => ({ cut: true }));
  const lost = await spend(ada).then(assert.fail, (error) => error);
  assert.ok(lost instanceof NoAnswer);
  proxy.plan(path);
  const { data, response } = await spend(ada, { params: { header: { 'Idempotency-Key': lost.idempotencyKey } } });
  assert.equal(response.headers.get('Idempotent-Replayed'), 'true');
  assert.equal(data.points.available, 70);
  assert.equal(await balance(), 70);
}));

test('a wait longer than the patience is left to the app', () => withAda(100, async ({ ada, proxy }) => {
  proxy.plan(path, { status: 429, headers: { 'Retry-After': '3600' } });
  assert.equal((await spend(ada)).response.status, 429);
  assert.equal(proxy.to(path).length, 1);
}));

test('the caller can stop it', () => withAda(100, async ({ ada, proxy }) => {
  proxy.plan(path, () => ({ drop: true }));
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 300);
  const before = Date.now();
  await assert.rejects(spend(ada, { signal: stop.signal }));
  assert.ok(Date.now() - before < 2000);
}));

test('what has no key is sent once', () => withAda(0, async ({ ada, proxy, email }) => {
  proxy.plan('/auth/password/forgot', { drop: true });
  await assert.rejects(ada.POST('/auth/password/forgot', { body: { email } }), NoAnswer);
  assert.equal(proxy.to('/auth/password/forgot').length, 1);
}));
