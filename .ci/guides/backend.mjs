// Walks docs/guides/backend.md: starts its backend with the key and the webhook that its commands make, and sends what
// the page sends, and receipts.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { withProxy } from '../../docs/clients/typescript/test/proxy.mjs';
import { must } from '../browser/chromium.mjs';
import { install } from '../client/package.mjs';
import { freePorts, kill } from '../dev.mjs';
import { codeOf } from '../snippets.mjs';
import { post, registered } from './people.mjs';

export async function walk({ guide, home, api, data, binary }) {
  guide.npmInstall(home);
  install(home);
  guide.cutOut(home);
  writeFileSync(join(home, 'receipt.mjs'), codeOf('docs/prices.md', 'js').replace('http://127.0.0.1:8080', api));
  await tryOut(guide.command('POINTSYNC_URL='), guide, { home, binary, data, api });
}

// tryOut starts a backend by a command, with the secrets that the commands of guide make, and sends the requests of
// guide. A proxy is between the backend and the server.
export async function tryOut(command, guide, { home, binary, data, api, env = {} }) {
  const [address] = await freePorts(1);
  await withProxy(api, async (proxy) => {
    const secrets = { ...setUp(guide, { binary, data, api: proxy.url, address }), ...env };
    await withBackend(command, { home, address, secrets }, async () => {
      await requests(guide, address, api);
      await throughFaults(proxy, address);
    });
  });
}

// setUp does what the page's first two commands do, and returns the environment of the backend.
function setUp(guide, { binary, data, api, address }) {
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
  process.once('exit', () => kill(-backend.pid, 'SIGKILL')); // if this script itself fails
  const ended = once(backend, 'exit');
  try {
    await until(async () => {
      if (backend.exitCode !== null) throw new Error(`${command} ended`);
      return await fetch(`http://${address}/none`, { method: 'POST' }).then(() => true, () => false);
    }, 'the backend listens');
    await use();
  } finally {
    kill(-backend.pid, 'SIGTERM'); // `go run` and the program that it started
    await ended;
  }
}

// requests sends what a page sends, then receipts, and compares the responses with what the page promises.
async function requests(guide, address, api) {
  const got = [];
  while (got.length < 6) got.push(await run(nextCurl(guide, address)));
  const points = got.map((body) => body.type ?? body.Type ?? body.points);
  must(JSON.stringify(points) === JSON.stringify([60, 60, 30, 30, 0, '/problems/insufficient-points']), `the requests returned ${JSON.stringify(points)}`);
  const balance = nextCurl(guide, address);
  await until(async () => (await run(balance)).available === 0, 'the webhook told the balance');
  console.log('  ok  a service key grants and spends, and a webhook tells it');

  const { token } = await registered(api, 30);
  const { receipt } = await post(`${api}/points/spend`, { action: 'picture' }, { token, key: 'app' });
  const send = async (text) => (await fetch(`http://${address}/receipts`, { method: 'POST', body: JSON.stringify({ receipt: text }) })).status;
  const statuses = [await send(`${receipt.slice(0, -4)}AAAA`), await send(receipt), await send(receipt)];
  must(statuses.join() === '401,200,409', `receipts returned ${statuses}`);
  const forged = await fetch(`http://${address}/hooks`, { method: 'POST', body: '{"data": {"external_id": "user-1", "version": 99, "points": {"available": 9}}}', headers: { 'webhook-id': 'msg_1', 'webhook-timestamp': String(Math.floor(Date.now() / 1000)), 'webhook-signature': 'v1,AAAA' } });
  must(forged.status === 401 && (await run(balance)).available === 0, 'an event with a wrong signature was taken');
  console.log('  ok  a receipt is served once; a changed one and a forged event are refused');
}

const nextCurl = (guide, address) => guide.command('curl').replace('127.0.0.1:8000', address);
const run = async (command) => JSON.parse((await promisify(execFile)('sh', ['-c', command])).stdout);

// throughFaults grants once more, while a proxy gives responses that are no problems, and while the server refuses.
async function throughFaults(proxy, address) {
  const { path } = proxy.seen.find((request) => request.path.endsWith('/grants'));
  const grant = async (...faults) => {
    const before = proxy.to(path).length;
    proxy.plan(path, ...faults);
    const response = await fetch(`http://${address}/users`, { method: 'POST', body: JSON.stringify({ user: 'user-1' }) });
    return `${response.status} after ${proxy.to(path).length - before}`;
  };
  const ofProxy = (status) => ({ status, headers: { 'content-type': 'text/html' }, body: '<h1>a proxy</h1>' });
  const ofServer = { status: 502, headers: { 'content-type': 'application/problem+json' }, body: '{"type": "/problems/stripe-refused", "status": 502, "detail": "Stripe refused."}' };
  const got = [await grant(ofProxy(502), ofProxy(504)), await grant(ofProxy(500)), await grant(ofServer)];
  must(got.join() === '200 after 3,500 after 1,502 after 1', `a grant through faults returned ${got}`);
  console.log('  ok  a response of a proxy is repeated if it is not definite, and passed on if it is');
}

async function until(holds, what) {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await pause(50)) {
    if (await holds()) return;
  }
  throw new Error(`in a minute it did not come true: ${what}`);
}
