// Builds, measures and tests docs/clients/typescript. The package is packed and installed as its users install it; then
// its types are compiled into a program, and its tests run against a fresh `pointsync dev`, in Node and in Chromium.
// With --pack it only builds the package and packs it into bin. With --shop it builds the package and writes it in one
// file for the demo shop; without, it fails if that file is not current.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, install, modules, pack, source, tool } from './client/package.mjs';
import { root, withBinary, withDev } from './dev.mjs';

const inShop = join(root, 'api/shop/client.js');
const limit = 8 * 1024; // bytes, with openapi-fetch, minified and compressed

build();
if (process.argv.includes('--pack')) console.log(pack(join(root, 'bin')));
else if (process.argv.includes('--shop')) writeFileSync(inShop, oneFile());
else process.exitCode = await check();

async function check() {
  measure();
  if (readFileSync(inShop, 'utf8') !== oneFile()) throw new Error('api/shop/client.js is not current: run make shop-client');
  const user = mkdtempSync(join(tmpdir(), 'pointsync-client-'));
  try {
    install(user);
    cpSync(join(source, 'test'), join(user, 'test'), { recursive: true });
    for (const project of ['tsconfig.json', 'tsconfig.dom.json']) tool('tsc', ['--noEmit', '-p', join(user, 'test', project)]);
    return await withBinary(async (binary, folder) => {
      for (const file of readdirSync(join(user, 'test')).filter((name) => name.endsWith('.test.mjs'))) {
        const failed = await withDev(binary, folder, (urls) => tests(user, file, urls));
        if (failed !== 0) return failed;
      }
      return 0;
    });
  } finally {
    rmSync(user, { recursive: true, force: true });
  }
}

// bundle returns the client and openapi-fetch in one module.
function bundle(...more) {
  const args = ['docs/clients/typescript/dist/index.js', '--bundle', '--format=esm', ...more];
  return tool('esbuild', args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] }).stdout;
}

function oneFile() {
  const { version, license } = JSON.parse(readFileSync(join(modules, 'openapi-fetch/package.json'), 'utf8'));
  const [rights] = /^Copyright.*$/m.exec(readFileSync(join(modules, 'openapi-fetch/LICENSE'), 'utf8'));
  const head = [
    '// The TypeScript client of docs/clients/typescript. Written by make shop-client; do not edit.',
    `// With openapi-fetch ${version}: ${rights}, ${license} licence, https://opensource.org/license/mit.`,
  ];
  return bundle(`--banner:js=${head.join('\n')}`).toString();
}

function measure() {
  const bytes = gzipSync(bundle('--minify'), { level: 9 }).length;
  console.log(`size: ${bytes} bytes with openapi-fetch, minified and compressed; the limit is ${limit}`);
  if (bytes > limit) throw new Error('the client has become too large');
}

// tests runs one file. Each has a server of its own, because a server lets an address register few accounts.
async function tests(user, file, { base_url }) {
  const running = spawn(process.execPath, ['--test', '--test-reporter=spec', join(user, 'test', file)], {
    cwd: user, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, POINTSYNC_API: base_url, POINTSYNC_ROOT: root },
  });
  const [code] = await once(running, 'exit');
  return code ?? 1;
}
