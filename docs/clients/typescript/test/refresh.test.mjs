// Rule 2: one refresh for all callers, and a network that fails logs no one out.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'node:test';
import { NoAnswer, memoryStorage } from '@pointsync/client';
import { password, withAda } from './world.mjs';

const refresh = '/auth/refresh';
const expire = (storage) => storage.setItem('pointsync.token', 'e30.e30.e30'); // the server refuses it, as an expired one
const sessions = (client, count) => Promise.all(Array.from({ length: count }, () => client.GET('/session')));

// slowStorage takes its time for each access, as a keychain does.
function slowStorage() {
  const inner = memoryStorage();
  return Object.fromEntries(['getItem', 'setItem', 'removeItem'].map((name) => [name, async (...args) => { await pause(2); return inner[name](...args); }]));
}

test('ten callers share one refresh', () => withAda(0, async ({ ada, proxy, storage }) => {
  await expire(storage);
  for (const { response } of await sessions(ada, 10)) assert.equal(response.status, 200);
  assert.equal(proxy.to(refresh).length, 1);
}));

test('two programs with one storage share one refresh by its lease', () => withAda(0, async ({ make, proxy, storage }) => {
  await expire(storage);
  const all = await Promise.all([make(), make(), make()].map((client) => sessions(client, 3)));
  for (const { response } of all.flat()) assert.equal(response.status, 200);
  assert.equal(proxy.to(refresh).length, 1);
  assert.equal(await storage.getItem('pointsync.lease'), undefined);
}, { storage: slowStorage() }));

test('a lease whose holder died is taken over', () => withAda(0, async ({ ada, storage }) => {
  await storage.setItem('pointsync.lease', `dead ${Date.now() + 300}`);
  await expire(storage);
  assert.equal((await ada.GET('/session')).response.status, 200);
}));

test('a lost response of a refresh is asked for again with the same token', () => withAda(0, async ({ ada, proxy, storage }) => {
  await expire(storage);
  proxy.plan(refresh, { cut: true }, { drop: true });
  assert.equal((await ada.GET('/session')).response.status, 200);
  const tokens = proxy.to(refresh).map(({ body }) => JSON.parse(body).refresh_token);
  assert.equal(tokens.length, 3);
  assert.equal(new Set(tokens).size, 1);
  assert.notEqual(await storage.getItem('pointsync.refresh'), tokens[0]);
}));

test('a network that fails during a refresh logs no one out', () => withAda(0, async ({ ada, proxy, storage, ends }) => {
  await expire(storage);
  const before = await storage.getItem('pointsync.refresh');
  proxy.plan(refresh, () => ({ drop: true }));
  await assert.rejects(ada.GET('/session'), NoAnswer);
  proxy.plan(refresh, () => ({ status: 503, headers: { 'Content-Type': 'text/html' }, body: '<h1>no</h1>' }));
  const { error, response } = await ada.GET('/session');
  assert.equal(response.status, 503);
  assert.equal(error.type, 'about:blank');
  assert.equal(ends(), 0);
  assert.equal(await storage.getItem('pointsync.refresh'), before);
  proxy.plan(refresh);
  assert.equal((await ada.GET('/session')).response.status, 200);
}));

test('a login that was ended elsewhere ends here, and says so once', () => withAda(0, async ({ ada, make, email, storage, ends }) => {
  const phone = make({ storage: memoryStorage() });
  await phone.POST('/auth/login', { body: { email, password } });
  await phone.DELETE('/sessions');
  const [first, second] = await sessions(ada, 2);
  assert.equal(first.error.type, '/problems/unauthorized');
  assert.equal(second.error.type, '/problems/unauthorized');
  assert.equal(ends(), 1);
  assert.equal(await storage.getItem('pointsync.refresh'), undefined);
}));

test('a wrong password refreshes nothing', () => withAda(0, async ({ ada, proxy, email }) => {
  const { error } = await ada.POST('/auth/login', { body: { email, password: 'not the password' } });
  assert.equal(error.type, '/problems/unauthorized');
  assert.deepEqual(proxy.seen.map(({ path }) => path), ['/auth/login']);
}));
