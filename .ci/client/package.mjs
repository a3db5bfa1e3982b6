// Builds docs/clients/typescript, packs it, and installs the package into a folder as its users do.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../dev.mjs';

export const source = join(root, 'docs/clients/typescript');
export const modules = join(root, 'tools/node_modules');

// build writes the types of the contract, and compiles.
export function build() {
  rmSync(join(source, 'dist'), { recursive: true, force: true });
  tool('openapi-typescript', [join(root, 'openapi.yaml'), '--default-non-nullable', 'false', '-o', join(source, 'src/schema.ts')]);
  tool('tsc', ['-p', source]);
}

// pack writes the package into a folder and returns the name of its file.
export function pack(folder) {
  mkdirSync(folder, { recursive: true });
  run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: source, stdio: ['ignore', 'ignore', 'inherit'] });
  return join(folder, readdirSync(folder).find((name) => /^pointsync-client-.*\.tgz$/.test(name)));
}

let packed; // the file that install unpacks

// install unpacks the package into the node_modules of a folder, with what it needs, from `npm ci` alone. It is packed
// once, however many folders there are.
export function install(folder) {
  packed ??= packForThisRun();
  const home = join(folder, 'node_modules/@pointsync/client');
  mkdirSync(home, { recursive: true });
  run('tar', ['-xzf', packed, '--strip-components=1', '-C', home]);
  for (const name of ['openapi-fetch', 'openapi-typescript-helpers']) cpSync(join(modules, name), join(folder, 'node_modules', name), { recursive: true });
}

function packForThisRun() {
  const folder = mkdtempSync(join(tmpdir(), 'pointsync-pack-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return pack(folder);
}

export const tool = (name, args, options) => run(join(modules, '.bin', name), args, options);

export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, NODE_PATH: modules }, ...options });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`${command} ended with code ${result.status}`);
  return result;
}
