// Rule 1: the held token is replaced whenever a response carries one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimsOf, signal, withAda } from './world.mjs';

const spend = (client, amount) => client.POST('/points/spend', { body: { amount } });

test('a spend brings the token that is held from then on', () => withAda(100, async ({ ada, held }) => {
  const { data } = await spend(ada, 30);
  assert.equal(await held(), data.token);
  assert.equal(claimsOf(data.token).points, 70);
}));

test('the 402 of a spend brings one as well', () => withAda(10, async ({ ada, held }) => {
  const before = await held();
  const { error, response } = await spend(ada, 30);
  assert.equal(response.status, 402);
  assert.equal(error.type, '/problems/insufficient-points');
  assert.equal(error.points.available, 10);
  assert.notEqual(await held(), before);
  assert.equal(await held(), error.token);
}));

test('a response that was overtaken does not bring an older token', () => withAda(100, async ({ ada, proxy, held }) => {
  const [reached, heldBack] = [signal(), signal()];
  proxy.plan('/points/spend', { late: () => { reached.give(); return heldBack.given; } });
  const slow = spend(ada, 1);
  await reached.given; // the server has responded, and the proxy holds the response back
  const newer = (await spend(ada, 2)).data.token;
  heldBack.give();
  const older = (await slow).data.token;
  assert.ok(claimsOf(older).ver < claimsOf(newer).ver);
  assert.equal(await held(), newer);
}));

// The held token says what a database said that is gone: one with a higher version, made the given seconds ago.
const holdLater = (secondsAgo, use) => withAda(100, async ({ ada, proxy, storage, held }) => {
  const claims = { ...claimsOf(await held()), ver: 1000, iat: Math.floor(Date.now() / 1000) - secondsAgo };
  const later = `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
  proxy.plan('/points/spend', { late: () => storage.setItem('pointsync.token', later) });
  const { data } = await spend(ada, 1);
  await use({ held: await held(), later, token: data.token });
});

test('a token made a minute later is held even if its version is lower, because a backup was restored', async () => {
  await holdLater(120, ({ held, token }) => assert.equal(held, token));
  await holdLater(0, ({ held, later }) => assert.equal(held, later));
});

test('a response that arrives after the logout brings no token back', () => withAda(100, async ({ ada, proxy, held }) => {
  const { given, give } = signal();
  proxy.plan('/points/spend', { late: given });
  const slow = spend(ada, 1);
  await ada.logout();
  give();
  await slow;
  assert.equal(await held(), undefined);
  assert.equal(await ada.loggedIn(), false);
}));
