// People with points, and what their clients hold.
import { createClient, memoryStorage } from '@pointsync/client';
import { withProxy } from './proxy.mjs';

export const api = process.env.POINTSYNC_API;
export const password = 'correct horse battery';
let people = 0;

export const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());

// withAda calls use with a proxy and a client behind it. The client is logged in, as somebody with points.
export const withAda = (points, use, options = {}) => withProxy(api, async (proxy) => {
  const storage = options.storage ?? memoryStorage();
  let ends = 0;
  const make = (more = {}) => createClient({ baseUrl: proxy.url, storage, patienceMs: 4000, timeoutMs: 8000, pollMs: 200, onEnd: () => { ends++; }, ...options, ...more });
  const ada = make();
  const email = `client-${process.pid}-${Date.now()}-${++people}@example.com`;
  const { error } = await make({ timeoutMs: 10_000 }).POST('/auth/register', { body: { email, password } });
  if (error) throw new Error(JSON.stringify(error));
  const account = claimsOf(await storage.getItem('pointsync.token')).sub;
  const grant = (amount) => grantTo(account, amount);
  if (points > 0) await grant(points);
  proxy.seen.length = 0;
  const held = () => storage.getItem('pointsync.token');
  const balance = async () => (await ada.GET('/points')).data.available;
  await use({ ada, proxy, storage, make, email, grant, held, balance, ends: () => ends });
});

let admin;
async function grantTo(account, amount) {
  admin ??= await adminClient();
  const { error } = await admin.POST('/admin/accounts/{account_id}/grants', {
    params: { path: { account_id: account }, header: { 'Idempotency-Key': crypto.randomUUID() } }, body: { amount, reason: 'to spend' },
  });
  if (error) throw new Error(JSON.stringify(error));
}

export async function adminClient() {
  const client = createClient({ baseUrl: api });
  const { error } = await client.POST('/auth/login', { body: { email: 'admin@example.com', password } });
  if (error) throw new Error(JSON.stringify(error));
  return client;
}

// signal is a promise and what settles it.
export function signal() {
  let give;
  const given = new Promise((resolve) => { give = resolve; });
  return { given, give };
}

// until waits until a condition that others make true holds.
export async function until(holds, what) {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline; await new Promise((next) => { setTimeout(next, 20); })) {
    if (await holds()) return;
  }
  throw new Error(`in 15 seconds it did not come true: ${what}`);
}
