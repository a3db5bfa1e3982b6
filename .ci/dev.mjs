// Starts a fresh `pointsync dev` on free ports in a new folder, passes its addresses to the caller's function, and
// stops it.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export const root = join(import.meta.dirname, '..');
const startDeadline = 30_000; // milliseconds

// withBinary calls use with the path of a fresh binary, in a folder that is deleted when use has ended. `go run` would
// pass no signal on to the server, so the binary is built first.
export async function withBinary(use) {
  const folder = mkdtempSync(join(tmpdir(), 'pointsync-check-'));
  // A signal alone would skip the listeners of 'exit', which end what the script has started.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
  try {
    const binary = join(folder, 'pointsync');
    must(spawnSync('go', ['build', '-o', binary, './cmd/pointsync'], { cwd: root, stdio: 'inherit' }));
    return await use(binary, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// withDev calls use with the server's addresses and its data folder, and returns its result, the number of failures.
// more are flags of `pointsync dev`.
export async function withDev(binary, folder, use, more = []) {
  const [api, sandbox] = await freePorts(2);
  const data = mkdtempSync(join(folder, 'data-'));
  return running(binary, ['dev', '--addr', api, '--sandbox-addr', sandbox, '--data-dir', data, ...more], folder,
    `http://${api}/readyz`, () => use({ base_url: `http://${api}`, sandbox_url: `http://${sandbox}` }, data));
}

// withSandbox does the same with only a sandbox.
export async function withSandbox(binary, folder, use) {
  const [sandbox] = await freePorts(1);
  return running(binary, ['sandbox', '--addr', sandbox], folder, `http://${sandbox}/_sandbox/clock`, () => use(`http://${sandbox}`));
}

// running calls use while a command of the binary runs, as soon as the address sign answers.
export async function running(binary, args, folder, sign, use, env = process.env) {
  const dev = spawn(binary, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [dev.stdout, dev.stderr]) stream.on('data', (text) => { said += text; });
  const ended = once(dev, 'exit');
  process.once('exit', () => dev.kill('SIGKILL')); // if this script itself fails
  try {
    await answers(sign, dev);
    const failed = await use();
    if (failed !== 0) console.error(`What the server said:\n${said}`);
    return failed;
  } catch (error) {
    throw new Error(`${error.message}\n${said}`, { cause: error });
  } finally {
    dev.kill('SIGTERM');
    await ended;
  }
}

// answers waits until url answers, and fails if the process server ends before.
export async function answers(url, server) {
  for (const deadline = Date.now() + startDeadline; Date.now() < deadline; await pause(50)) {
    if (server.exitCode !== null) throw new Error(`the server ended with code ${server.exitCode}`);
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok) return;
  }
  throw new Error(`${url} did not answer in ${startDeadline} ms`);
}

// freePorts returns addresses on which nothing listens. Systems give outgoing connections ports from 32768 on. These
// are below, so no connection of other steps takes one before its server does.
export async function freePorts(count) {
  const ports = new Set();
  while (ports.size < count) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports].map((port) => `127.0.0.1:${port}`);
}

async function isFree(port) {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch (error) {
    if (error.code === 'EADDRINUSE') return false;
    throw error;
  }
  await once(server.close(), 'close');
  return true;
}

// kill signals a group of processes, and does nothing if it has ended.
export function kill(group, signal) {
  try {
    process.kill(group, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

function must({ status, error }) {
  if (error) throw error;
  if (status !== 0) throw new Error(`the build failed with code ${status}`);
}
