// Runs every collection in docs/postman against a fresh `pointsync dev`. The collections find it by the variables base_url
// and sandbox_url. It first fails if they leave out an operation of the contract. At the end it runs the snippets of
// docs/tokens.md and docs/prices.md.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, withBinary, withDev } from './dev.mjs';
import { checkSnippets } from './snippets.mjs';

const collections = join(root, 'docs/postman');
const environment = join(collections, 'dev.postman_environment.json');
const names = readdirSync(collections).filter((name) => name.endsWith('.postman_collection.json')).sort();
if (names.length === 0) throw new Error('docs/postman holds no collection');

// Operations of the contract that no request can call, and why.
const exceptions = {
  receiveEvent: 'a callback: pointsync sends it, and no address of the API takes it',
};
const faults = leftOut();
if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exit(1);
}

process.exitCode = await withBinary(async (binary, folder) => {
  for (const name of names) {
    const failed = await withDev(binary, folder, (urls) => newman(join(collections, name), urls));
    if (failed !== 0) return failed;
  }
  return withDev(binary, folder, ({ base_url }) => checkSnippets(base_url));
});

async function newman(collection, urls) {
  const args = ['run', collection, '--color', 'off', '--reporter-cli-no-banner', '--bail', 'failure'];
  if (existsSync(environment)) args.push('--environment', environment);
  for (const [key, value] of Object.entries(urls)) args.push('--env-var', `${key}=${value}`);
  const run = spawn(join(root, 'tools/node_modules/.bin/newman'), args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await once(run, 'exit');
  return code ?? 1;
}

// leftOut returns the operations that no request of the collections calls, and the exceptions that are not needed.
function leftOut() {
  const operations = contract();
  const called = new Set(names.flatMap((name) => requests(JSON.parse(readFileSync(join(collections, name), 'utf8')).item))
    .map((request) => operationOf(request, operations)));
  const missing = operations.filter(({ id }) => !called.has(id) && !exceptions[id]);
  const needless = Object.keys(exceptions).filter((id) => called.has(id) || !operations.some((operation) => operation.id === id));
  return [
    ...missing.map(({ id, method, path }) => `openapi.yaml: ${id} (${method} ${path}) is in no collection of docs/postman`),
    ...needless.map((id) => `.ci/postman.mjs: ${id} needs no exception: it is called, or not in the contract`),
  ];
}

// contract returns the operations, found by their indentation, so that no YAML library is needed. A deeper one is a
// callback and has no address.
function contract() {
  const operations = [];
  let path, method;
  for (const line of readFileSync(join(root, 'openapi.yaml'), 'utf8').split('\n')) {
    path = /^ {2}(\/\S*):$/.exec(line)?.[1] ?? path;
    method = /^ {4}(get|put|post|delete|patch|head|options):$/.exec(line)?.[1].toUpperCase() ?? method;
    const [, indent, id] = /^( +)operationId: (\w+)$/.exec(line) ?? [];
    if (id) operations.push(indent.length === 6 ? { id, method, path } : { id, method: 'callback', path });
  }
  if (operations.length === 0) throw new Error('openapi.yaml: no operation was found');
  return operations;
}

function requests(items) {
  return items.flatMap((item) => item.item ? requests(item.item) : [item.request]);
}

// operationOf returns the operation with the most words in common, so /points/top-up is not taken for /points/{something}.
function operationOf({ method, url }, operations) {
  if (!url.raw.startsWith('{{base_url}}/')) return undefined; // it is for the sandbox
  const asked = url.raw.slice('{{base_url}}'.length).split('?')[0].split('/');
  const words = (path) => path.split('/').filter((part, at) => part === asked[at]).length;
  return operations
    .filter((operation) => operation.method === method && operation.path.split('/').length === asked.length)
    .filter(({ path }) => path.split('/').every((part, at) => part.startsWith('{') ? asked[at] !== '' : part === asked[at]))
    .sort((a, b) => words(b.path) - words(a.path))[0]?.id;
}
