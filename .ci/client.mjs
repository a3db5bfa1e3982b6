// Builds, measures and tests docs/clients/typescript. The package is packed and installed as its users install it; then
// its types are compiled into a program, and its tests run against a fresh `pointsync dev`, in Node and in Chromium.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { root, withBinary, withDev } from './dev.mjs';

const source = join(root, 'docs/clients/typescript');
const modules = join(root, 'tools/node_modules');
const limit = 8 * 1024; // bytes, with openapi-fetch, minified and compressed

rmSync(join(source, 'dist'), { recursive: true, force: true });
tool('openapi-typescript', [join(root, 'openapi.yaml'), '-o', join(source, 'src/schema.ts')]);
tool('tsc', ['-p', source]);
measure();

const user = mkdtempSync(join(tmpdir(), 'pointsync-client-'));
try {
  install();
  for (const project of ['tsconfig.json', 'tsconfig.dom.json']) tool('tsc', ['--noEmit', '-p', join(user, 'test', project)]);
  process.exitCode = await withBinary(async (binary, folder) => {
    for (const file of readdirSync(join(user, 'test')).filter((name) => name.endsWith('.test.mjs'))) {
      const failed = await withDev(binary, folder, (urls) => tests(file, urls));
      if (failed !== 0) return failed;
    }
    return 0;
  });
} finally {
  rmSync(user, { recursive: true, force: true });
}

function measure() {
  const bundle = run(join(modules, '.bin/esbuild'), [join(source, 'dist/index.js'), '--bundle', '--minify', '--format=esm'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const bytes = gzipSync(bundle.stdout, { level: 9 }).length;
  console.log(`size: ${bytes} bytes with openapi-fetch, minified and compressed; the limit is ${limit}`);
  if (bytes > limit) throw new Error('the client has become too large');
}

// install makes a program in the folder user that has the package and what the package needs, from `npm ci` alone.
function install() {
  const home = join(user, 'node_modules/@pointsync/client');
  mkdirSync(home, { recursive: true });
  run('npm', ['pack', '--silent', '--pack-destination', user], { cwd: source });
  run('tar', ['-xzf', join(user, readdirSync(user).find((name) => name.endsWith('.tgz'))), '--strip-components=1', '-C', home]);
  for (const name of ['openapi-fetch', 'openapi-typescript-helpers']) cpSync(join(modules, name), join(user, 'node_modules', name), { recursive: true });
  cpSync(join(source, 'test'), join(user, 'test'), { recursive: true });
}

// tests runs one file. Each has a server of its own, because a server lets an address register few accounts.
async function tests(file, { base_url }) {
  const running = spawn(process.execPath, ['--test', '--test-reporter=spec', join(user, 'test', file)], {
    cwd: user, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, POINTSYNC_API: base_url, POINTSYNC_ROOT: root },
  });
  const [code] = await once(running, 'exit');
  return code ?? 1;
}

function tool(name, args) {
  return run(join(modules, '.bin', name), args);
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, NODE_PATH: modules }, ...options });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`${command} ended with code ${result.status}`);
  return result;
}
