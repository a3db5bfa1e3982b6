// Runs every collection in docs/postman against a fresh `pointsync dev`, on free ports and in a folder of its own, and
// ends it. The collections find it by the variables base_url and sandbox_url.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const root = join(import.meta.dirname, '..');
const collections = join(root, 'docs/postman');
const environment = join(collections, 'local.postman_environment.json');
const startDeadline = 30_000; // milliseconds

const folder = mkdtempSync(join(tmpdir(), 'pointsync-postman-'));
try {
  process.exitCode = await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function main() {
  const names = readdirSync(collections).filter((name) => name.endsWith('.postman_collection.json')).sort();
  if (names.length === 0) throw new Error('docs/postman holds no collection');
  // Built first and not run by `go run`, which would pass no signal on to the server.
  const binary = join(folder, 'pointsync');
  must(spawnSync('go', ['build', '-o', binary, './cmd/pointsync'], { cwd: root, stdio: 'inherit' }));
  for (const name of names) {
    const failed = await withDev(binary, (urls) => newman(join(collections, name), urls));
    if (failed !== 0) return failed;
  }
  return 0;
}

async function withDev(binary, use) {
  const [api, sandbox] = await freePorts(2);
  const dev = spawn(binary, ['dev', '--addr', api, '--sandbox-addr', sandbox,
    '--data-dir', mkdtempSync(join(folder, 'data-'))], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [dev.stdout, dev.stderr]) stream.on('data', (text) => { said += text; });
  const ended = once(dev, 'exit');
  process.once('exit', () => dev.kill('SIGKILL')); // should this script fail in a way of its own
  try {
    await answers(`http://${api}/readyz`, dev);
    const failed = await use({ base_url: `http://${api}`, sandbox_url: `http://${sandbox}` });
    if (failed !== 0) console.error(`What the server said:\n${said}`);
    return failed;
  } catch (error) {
    throw new Error(`${error.message}\n${said}`, { cause: error });
  } finally {
    dev.kill('SIGTERM');
    await ended;
  }
}

async function newman(collection, urls) {
  const args = ['run', collection, '--color', 'off', '--reporter-cli-no-banner', '--bail', 'failure'];
  if (existsSync(environment)) args.push('--environment', environment);
  for (const [key, value] of Object.entries(urls)) args.push('--env-var', `${key}=${value}`);
  const run = spawn(join(root, 'tools/node_modules/.bin/newman'), args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await once(run, 'exit');
  return code ?? 1;
}

async function answers(url, server) {
  for (const deadline = Date.now() + startDeadline; Date.now() < deadline; await pause(50)) {
    if (server.exitCode !== null) throw new Error(`the server ended with code ${server.exitCode}`);
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok) return;
  }
  throw new Error(`${url} did not answer in ${startDeadline} ms`);
}

// freePorts holds all of them at once, so that they differ.
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const addresses = servers.map((server) => `127.0.0.1:${server.address().port}`);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return addresses;
}

function must({ status, error }) {
  if (error) throw error;
  if (status !== 0) throw new Error(`the build failed with code ${status}`);
}
