// A sandbox of its own process, a webhook receiver, and stripe-node pointed at the one and fed by the other.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Stripe from 'stripe';

const root = join(import.meta.dirname, '../../..');

// openWorld answers when the sandbox listens and the endpoint is registered; close ends all of it.
export async function openWorld() {
  const folder = mkdtempSync(join(tmpdir(), 'pointsync-node-'));
  const binary = join(folder, 'pointsync');
  const built = spawnSync('go', ['build', '-o', binary, './cmd/pointsync'], { cwd: root, stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the sandbox did not build', { cause: built.error });
  const sandbox = spawn(binary, ['sandbox', '--addr', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(sandbox, 'exit');
  process.once('exit', () => sandbox.kill('SIGKILL')); // should the test end in a way of its own
  const url = await announced(sandbox);

  const stripe = new Stripe('sk_test_node', { host: '127.0.0.1', port: new URL(url).port, protocol: 'http', maxNetworkRetries: 0 });
  const inbox = [];
  const receiver = createServer(async (request, answer) => {
    const body = [];
    for await (const chunk of request) body.push(chunk);
    inbox.push({ body: Buffer.concat(body), signature: request.headers['stripe-signature'] });
    answer.end();
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const endpoint = await stripe.webhookEndpoints.create({
    url: `http://127.0.0.1:${receiver.address().port}/webhook`, enabled_events: ['*'], api_version: '2023-10-16',
  });

  const close = async () => {
    sandbox.kill('SIGTERM');
    await ended;
    receiver.close();
    receiver.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  };
  return { stripe, url, inbox, secret: endpoint.secret, close };
}

// announced reads the address from the line that the sandbox prints once it listens.
async function announced(sandbox) {
  let said = '';
  sandbox.stdout.setEncoding('utf8');
  for await (const text of sandbox.stdout.iterator({ destroyOnReturn: false })) {
    said += text;
    const found = said.match(/http:\/\/127\.0\.0\.1:\d+/);
    if (found) return found[0];
  }
  throw new Error(`the sandbox ended before it listened: ${said}`);
}

// control sends JSON to the sandbox's own controls.
export async function control(url, path, body) {
  const answer = await fetch(url + path, { method: 'POST', body: JSON.stringify(body ?? {}) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

// pay pays a session as Stripe's command-line client does. The SDK has no method for it.
export async function pay(url, session, card) {
  const answer = await fetch(`${url}/v1/payment_pages/${session.id}/confirm`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk_test_node' },
    body: new URLSearchParams({ payment_method: card, expected_amount: String(session.amount_total) }),
  });
  return { status: answer.status, body: await answer.json() };
}
