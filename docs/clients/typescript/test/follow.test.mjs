// Rule 4: the session is followed by its stream, resumed after a break, and polled where streams are not to be had.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryStorage } from '@pointsync/client';
import { password, until, withAda } from './world.mjs';

const stream = '/session/stream';

// following calls use with the list of the balances that a listener was told.
async function following(client, use) {
  const told = [];
  const stop = client.follow((session) => told.push(session.points.available));
  try {
    return await use(told, stop);
  } finally {
    stop();
  }
}

test('the session comes at once and after each change, and its token is held', () => withAda(100, ({ ada, grant, held }) => following(ada, async (told) => {
  await until(() => told.length === 1, 'the first session');
  const before = await held();
  await grant(50);
  await until(() => told.length === 2, 'the change');
  assert.deepEqual(told, [100, 150]);
  assert.notEqual(await held(), before);
})));

test('a stream that broke is resumed: nothing is missed, nothing comes twice', () => withAda(100, ({ ada, proxy, grant }) => following(ada, async (told) => {
  await until(() => told.length === 1, 'the first session');
  proxy.plan(stream, { drop: true });
  proxy.plan('/session', { drop: true }, { drop: true });
  proxy.cutAll();
  await grant(50);
  await until(() => told.length === 2, 'the change');
  await until(() => proxy.to(stream).length >= 3, 'the stream again');
  await grant(1);
  await until(() => told.length === 3, 'the next change');
  assert.deepEqual(told, [100, 150, 151]);
  const [first, ...later] = proxy.to(stream).map(({ headers }) => headers['last-event-id']);
  assert.equal(first, undefined);
  for (const id of later) assert.match(id, /^[0-9]+$/);
})));

test('an expired token is refreshed before the stream', () => withAda(100, async ({ ada, proxy, storage }) => {
  await storage.setItem('pointsync.token', 'e30.e30.e30');
  await following(ada, async (told) => {
    await until(() => told.length === 1, 'the first session');
    assert.equal(proxy.to('/auth/refresh').length, 1);
  });
}));

test('where a proxy lets no stream through, the session is polled', () => withAda(100, ({ ada, proxy, grant }) => {
  proxy.plan(stream, () => ({ status: 404, body: 'no' }));
  return following(ada, async (told) => {
    await until(() => told.length === 1, 'the first session');
    await grant(50);
    await until(() => told.length === 2, 'the change');
    assert.deepEqual(told, [100, 150]);
  });
}));

test('a stream that stays silent is given up', () => withAda(100, ({ ada, proxy, grant }) => {
  proxy.plan(stream, () => ({ status: 200, headers: { 'Content-Type': 'text/event-stream', 'Content-Length': '1' } }));
  return following(ada, async (told) => {
    await until(() => told.length === 1, 'the first session');
    await grant(50);
    await until(() => told.length === 2, 'the change');
  });
}, { timeoutMs: 250 }));

test('a platform without streams polls from the beginning', () => withAda(100, ({ ada, proxy, grant }) => following(ada, async (told) => {
  await until(() => told.length === 1, 'the first session');
  await grant(50);
  await until(() => told.length === 2, 'the change');
  assert.equal(proxy.to(stream).length, 0);
}), { streams: false }));

test('it ends with the login', () => withAda(100, ({ ada, make, email, ends }) => following(ada, async (told) => {
  await until(() => told.length === 1, 'the first session');
  const phone = make({ storage: memoryStorage() });
  await phone.POST('/auth/login', { body: { email, password } });
  await phone.DELETE('/sessions');
  await until(() => ends() === 1, 'the end');
  assert.equal(await ada.loggedIn(), false);
})));

test('after stop nothing is asked any more', () => withAda(100, ({ ada, proxy, grant }) => following(ada, async (told, stop) => {
  await until(() => told.length === 1, 'the first session');
  stop();
  await grant(50);
  await ada.GET('/points');
  assert.deepEqual(told, [100]);
  assert.equal(proxy.to(stream).length, 1);
})));
