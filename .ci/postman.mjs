// Runs the collections of docs/postman: `node .ci/postman.mjs` against a fresh `pointsync dev`, with each folder that
// can stand alone once more by itself, and then the snippets of the pages that sign in. `node .ci/postman.mjs serve`
// runs them against two `pointsync serve` on PostgreSQL with a local Stripe. A collection runs once for each row of the
// CSV file of its name, if there is one. The script first fails if the collections leave out an operation of the
// contract.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, withBinary, withDev } from './dev.mjs';
import { withReplicas } from './replicas.mjs';
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

// Folders that continue another one, and so do not run alone; and folders for `dev` alone, because only `dev` shows
// mails.
const continued = /^(7|8|9|10) /;
const devAlone = /^23 /;

process.exitCode = await withBinary((binary, folder) => {
  if (process.argv[2] === 'serve') {
    return withReplicas(binary, folder, (urls) => each(names, (name) => newman(name, urls, folders(name).filter((f) => !devAlone.test(f)))));
  }
  const dev = (use) => withDev(binary, folder, use);
  return each([
    ...names.map((name) => () => dev((urls) => newman(name, urls))),
    ...names.flatMap((name) => alone(name).map((one) => () => dev((urls) => newman(name, urls, [one])))),
    () => dev(({ base_url }) => checkSnippets(base_url)),
  ], (step) => step());
});

// each takes a step with each of the list until one fails, and returns the number of failures.
async function each(list, step) {
  for (const one of list) {
    const failed = await step(one);
    if (failed !== 0) return failed;
  }
  return 0;
}

// folders returns the folders of a collection, or none if it has only requests.
function folders(name) {
  return collection(name).item.filter((item) => item.item).map((item) => item.name);
}

function alone(name) {
  return folders(name).filter((folder) => !continued.test(folder));
}

function collection(name) {
  return JSON.parse(readFileSync(join(collections, name), 'utf8'));
}

// newman runs a collection, or some of its folders, with the credentials of dev's admin unless values has others.
async function newman(name, values, only = []) {
  const args = ['run', join(collections, name), '--color', 'off', '--reporter-cli-no-banner', '--bail', 'failure'];
  const rows = join(collections, name.replace('.postman_collection.json', '.csv'));
  args.push('--environment', environment);
  if (existsSync(rows)) args.push('--iteration-data', rows);
  for (const folder of only) args.push('--folder', folder);
  for (const [key, value] of Object.entries(values)) args.push('--env-var', `${key}=${value}`);
  const run = spawn(join(root, 'tools/node_modules/.bin/newman'), args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await once(run, 'exit');
  return code ?? 1;
}

// leftOut returns the operations that no request of the collections calls, and the exceptions that are not needed.
function leftOut() {
  const operations = contract();
  const called = new Set(names.flatMap((name) => requests(collection(name).item))
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

// operationOf returns the operation with the most words in common, so /points/top-up is not taken for
// /points/{something}.
function operationOf({ method, url }, operations) {
  if (!url.raw.startsWith('{{base_url}}/')) return undefined; // it is for the sandbox
  const asked = url.raw.slice('{{base_url}}'.length).split('?')[0].split('/');
  const words = (path) => path.split('/').filter((part, at) => part === asked[at]).length;
  return operations
    .filter((operation) => operation.method === method && operation.path.split('/').length === asked.length)
    .filter(({ path }) => path.split('/').every((part, at) => part.startsWith('{') ? asked[at] !== '' : part === asked[at]))
    .sort((a, b) => words(b.path) - words(a.path))[0]?.id;
}
