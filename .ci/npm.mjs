// Tests docs/clients/npm: packs it for this computer, installs it offline in an empty folder as a frontend developer
// would, and runs it there with npx. No Go is needed after the binary is built.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pack } from '../docs/clients/npm/pack.mjs';
import { answers, freePorts, kill, withBinary } from './dev.mjs';

const version = '1.2.3';
const stopDeadline = 30_000; // milliseconds
const platform = `${process.platform}-${process.arch}`;

await withBinary(async (binary, folder) => {
  const packages = pack(version, { [platform]: binary }, join(folder, 'packages'));
  const user = join(folder, 'user');
  mkdirSync(user);
  // The other platforms' packages are nowhere to be found, which npm forgives because they are optional.
  npm(['install', '--offline', '--no-audit', '--no-fund', '--cache', join(folder, 'cache'), ...packages], user);
  assert.deepEqual(readdirSync(join(user, 'node_modules/@pointsync')), [`cli-${platform}`]);

  const said = npx(['version'], user);
  assert.match(said.stdout, /^pointsync \S+ \S+ go\S+\n$/);
  assert.equal(npx(['no-such-command'], user).status, spawnSync(binary, ['no-such-command']).status, 'the exit code is the program\'s');
  // Ctrl-C in a terminal sends the signal to the whole group; a program that started the package sends it to that
  // alone.
  await runsDev(user, ['npx', '--no-install', 'pointsync'], (dev) => kill(-dev.pid, 'SIGINT'));
  assert.equal(await runsDev(user, ['node_modules/.bin/pointsync'], (dev) => dev.kill('SIGTERM')), 0);
  explainsWhatIsMissing(user);
});
console.log('npm: the package installs offline, runs dev, and stops in order');

// runsDev starts dev in a group of its own, and stops it with stop, which gets the process that was started. It returns
// that process's exit code.
async function runsDev(user, command, stop) {
  const [api, sandbox] = await freePorts(2);
  const dev = spawn(command[0], [...command.slice(1), 'dev', '--addr', api, '--sandbox-addr', sandbox], {
    cwd: user, detached: true, stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  dev.stdout.on('data', (text) => { said += text; });
  process.once('exit', () => kill(-dev.pid, 'SIGKILL')); // if this script itself fails
  const ended = once(dev, 'exit');
  await answers(`http://${api}/healthz`, dev);
  assert.deepEqual(await (await fetch(`http://${api}/healthz`)).json(), { status: 'ok' });
  stop(dev);
  await silent(`http://${api}/healthz`);
  const [code] = await ended;
  assert.match(said, new RegExp(api), 'what dev prints arrives');
  assert.ok(existsSync(join(user, '.pointsync')), 'dev keeps its state where it was called');
  return code;
}

// explainsWhatIsMissing proves that an installation without the binary says which package is missing and what to do.
function explainsWhatIsMissing(user) {
  rmSync(join(user, 'node_modules/@pointsync'), { recursive: true });
  const { status, stderr } = npx(['version'], user);
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`@pointsync/cli-${platform}.*\n.*--include=optional`));
}

// silent waits until no server answers at url.
async function silent(url) {
  for (const deadline = Date.now() + stopDeadline; Date.now() < deadline; await pause(50)) {
    if (await fetch(url).catch(() => null) === null) return;
  }
  throw new Error(`the server still runs ${stopDeadline} ms after Ctrl-C`);
}

function npx(args, cwd) {
  return spawnSync('npx', ['--no-install', 'pointsync', ...args], { cwd, encoding: 'utf8' });
}

function npm(args, cwd) {
  const run = spawnSync('npm', args, { cwd, encoding: 'utf8' });
  assert.equal(run.status, 0, `npm ${args.join(' ')}: ${run.stderr}`);
}
