// A backend has a service key in place of a login.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '@pointsync/client';
import { adminClient, api, withAda } from './world.mjs';
import { withProxy } from './proxy.mjs';

const headers = (key) => ({ header: { 'Idempotency-Key': key } });

test('a service key acts for an account, and a lost response is asked for again', () => withProxy(api, async (proxy) => {
  const admin = await adminClient();
  const { data: made } = await admin.POST('/admin/keys', { body: { name: 'backend', scopes: ['spend', 'grant'] } });
  const backend = createClient({ baseUrl: proxy.url, key: made.secret, patienceMs: 4000 });
  const { data: account } = await backend.POST('/accounts', { body: { external_id: `key-${Date.now()}` } });
  const path = { path: { account_id: account.id } };
  await backend.POST('/accounts/{account_id}/grants', { params: { ...path, ...headers('g1') }, body: { amount: 100, reference: 'r1' } });
  proxy.plan(`/accounts/${account.id}/spends`, { cut: true });
  const { data } = await backend.POST('/accounts/{account_id}/spends', { params: { ...path, ...headers('s1') }, body: { amount: 30 } });
  assert.equal(data.points.available, 70);
  assert.equal(proxy.to(`/accounts/${account.id}/spends`).length, 2);

  await admin.POST('/admin/keys/{key_id}/revoke', { params: { path: { key_id: made.key.id } } });
  const { error } = await backend.POST('/accounts/{account_id}/spends', { params: { ...path, ...headers('s2') }, body: { amount: 30 } });
  assert.equal(error.type, '/problems/unauthorized');
  assert.equal(proxy.to('/auth/refresh').length, 0);
}));

test('an empty key counts as none: the login is used', () => withAda(7, async ({ balance }) => {
  assert.equal(await balance(), 7);
}, { key: '' }));
