// Walks docs/guides/backend.md: starts its backend with the key and the webhook that its commands make, and sends what the
// page sends, and receipts.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { must } from '../browser/chromium.mjs';
import { install } from '../client/package.mjs';
import { freePorts } from '../dev.mjs';
import { codeOf } from '../snippets.mjs';

export async function walk({ guide, home, api, data, binary }) {
  guide.npmInstall(home);
  install(home);
  guide.cutOut(home);
  writeFileSync(join(home, 'receipt.mjs'), codeOf('docs/prices.md', 'js').replace('http://127.0.0.1:8080', api));
  const [address] = await freePorts(1);
  const secrets = setUp(guide, { binary, data, api, address });
  await withBackend(guide.command('POINTSYNC_URL='), { home, address, secrets }, () => requests(guide, address, api));
}

// setUp does what the page's first two commands do, and returns the environment of the backend.
export function setUp(guide, { binary, data, api, address }) {
  const operator = (beginning) => {
    const words = guide.command(`go run ./cmd/pointsync ${beginning}`).replace('127.0.0.1:8000', address).split(' ').slice(3);
    const { status, stdout, stderr } = spawnSync(binary, words.map((word) => word === '--dev' ? `--dev=${data}` : word), { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
    return stdout;
  };
  return {
    POINTSYNC_URL: api, PORT: address.split(':')[1],
    POINTSYNC_KEY: operator('keys create').trim(),
    WEBHOOK_SECRET: /whsec_\S+/.exec(operator('webhooks add'))[0],
  };
}

// withBackend starts what follows the variables of a page's command, waits until it listens, and ends it after use.
export async function withBackend(command, { home, address, secrets }, use) {
  for (const name of command.match(/[A-Z_]+(?==)/g)) must(name in secrets, `${name} is unknown`);
  const [program, ...args] = command.split(' ').filter((word) => !/^[A-Z_]+=/.test(word));
  const backend = spawn(program, args, { cwd: home, env: { ...process.env, ...secrets }, stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  const ended = once(backend, 'exit');
  try {
    await until(async () => {
      if (backend.exitCode !== null) throw new Error(`${command} ended`);
      return await fetch(`http://${address}/none`, { method: 'POST' }).then(() => true, () => false);
    }, 'the backend listens');
    await use();
  } finally {
    process.kill(-backend.pid, 'SIGTERM'); // `go run` and the program that it started
    await ended;
  }
}

// requests sends what a page sends, then receipts, and compares the responses with what the page promises.
export async function requests(guide, address, api) {
  const got = Array.from({ length: 6 }, () => curl(guide, address));
  const points = got.map((body) => body.type ?? body.Type ?? body.points);
  must(JSON.stringify(points) === JSON.stringify([60, 60, 30, 30, 0, '/problems/insufficient-points']), `the requests returned ${JSON.stringify(points)}`);
  const balance = guide.command('curl').replace('127.0.0.1:8000', address);
  await until(() => run(balance).available === 0, 'the webhook told the balance');
  console.log('  ok  a service key grants and spends, and a webhook tells it');

  const receipt = await spendAsApp(api);
  const send = async (text) => (await fetch(`http://${address}/receipts`, { method: 'POST', body: JSON.stringify({ receipt: text }) })).status;
  const statuses = [await send(`${receipt.slice(0, -4)}AAAA`), await send(receipt), await send(receipt)];
  must(statuses.join() === '401,200,409', `receipts returned ${statuses}`);
  const forged = await fetch(`http://${address}/hooks`, { method: 'POST', body: '{"data": {"external_id": "user-1", "version": 99, "points": {"available": 9}}}', headers: { 'webhook-id': 'msg_1', 'webhook-timestamp': String(Math.floor(Date.now() / 1000)), 'webhook-signature': 'v1,AAAA' } });
  must(forged.status === 401 && run(balance).available === 0, 'an event with a wrong signature was taken');
  console.log('  ok  a receipt is served once; a changed one and a forged event are refused');
}

const curl = (guide, address) => run(guide.command('curl').replace('127.0.0.1:8000', address));
const run = (command) => JSON.parse(spawnSync('sh', ['-c', command], { encoding: 'utf8' }).stdout);

// spendAsApp registers a customer with points, who buys a picture, and returns the receipt.
async function spendAsApp(api) {
  const post = async (path, body, token, key) => {
    const response = await fetch(api + path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}`, 'idempotency-key': key }) } });
    must(response.ok, `${path}: ${response.status}`);
    return response.json();
  };
  const ada = await post('/auth/register', { email: 'ada@example.com', password: 'correct horse battery' });
  const admin = await post('/auth/login', { email: 'admin@example.com', password: 'correct horse battery' });
  await post(`/admin/accounts/${ada.user.id}/grants`, { amount: 30, reason: 'to spend' }, admin.token, 'g');
  return (await post('/points/spend', { action: 'picture' }, ada.token, 's')).receipt;
}

async function until(holds, what) {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await pause(50)) {
    if (await holds()) return;
  }
  throw new Error(`in a minute it did not come true: ${what}`);
}
