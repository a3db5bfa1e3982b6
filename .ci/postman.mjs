// Runs every collection in docs/postman against a fresh `pointsync dev`. The collections find it by the variables base_url
// and sandbox_url.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, withBinary, withDev } from './dev.mjs';

const collections = join(root, 'docs/postman');
const environment = join(collections, 'dev.postman_environment.json');

process.exitCode = await withBinary(async (binary, folder) => {
  const names = readdirSync(collections).filter((name) => name.endsWith('.postman_collection.json')).sort();
  if (names.length === 0) throw new Error('docs/postman holds no collection');
  for (const name of names) {
    const failed = await withDev(binary, folder, (urls) => newman(join(collections, name), urls));
    if (failed !== 0) return failed;
  }
  return 0;
});

async function newman(collection, urls) {
  const args = ['run', collection, '--color', 'off', '--reporter-cli-no-banner', '--bail', 'failure'];
  if (existsSync(environment)) args.push('--environment', environment);
  for (const [key, value] of Object.entries(urls)) args.push('--env-var', `${key}=${value}`);
  const run = spawn(join(root, 'tools/node_modules/.bin/newman'), args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await once(run, 'exit');
  return code ?? 1;
}
