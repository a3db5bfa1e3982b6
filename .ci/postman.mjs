// Runs the collections of docs/postman behind Prism, which checks each request and response against openapi.yaml.
// `node .ci/postman.mjs` runs them whole, each against a fresh `pointsync dev`. Then it runs each folder that can stand
// alone, and the snippets of the pages that sign in, against another `dev`. `node .ci/postman.mjs serve` runs them against two `pointsync serve`
// on PostgreSQL with a local Stripe: first twice at the same time, without the folders that move the clock, then those.
// A collection runs once for each row of the CSV file of its name, if there is one. The script first fails if the
// collections leave out an operation of the contract.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root, withBinary, withDev } from './dev.mjs';
import { violations, withPrism } from './prism.mjs';
import { withReplicas } from './replicas.mjs';
import { checkSnippets } from './snippets.mjs';

// In this process, because Newman takes longer to start than to run a folder.
const { run } = createRequire(join(root, 'tools/package.json'))('newman');

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
// Folders that change what all customers of a server share: its clock, and whether webhooks arrive. Folders 7 to 10
// continue folder 6.
const shared = /^(6|7|8|9|10|14|18|24) /;

process.exitCode = await withBinary(process.argv[2] === 'serve' ? onServe : onDev);

// onDev puts Prism before whole collections only: they have sent all that the folders alone send again. Those run from
// the last one to the first, so none can use what an earlier one left on the server.
function onDev(binary, folder) {
  const dev = (use) => withDev(binary, folder, use);
  return each([
    ...names.map((name) => () => dev((urls) => withPrism(folder, urls, (behind) => newman(name, behind)))),
    () => dev((urls) => each([
      () => checkSnippets(urls.base_url), // their clock is that of the machine
      ...names.flatMap((name) => alone(name).reverse().map((one) => () => newman(name, urls, [one]))),
    ], (step) => step())),
  ], (step) => step());
}

// onServe also proves that the collections run in parallel with themselves.
function onServe(binary, folder) {
  return withReplicas(binary, folder, (urls) => withPrism(folder, urls, (behind) => each(names, async (name) => {
    const all = folders(name).filter((one) => !devAlone.test(one));
    const apart = all.filter((one) => !shared.test(one));
    const codes = await Promise.all([1, 2].map(() => newman(name, behind, apart)));
    const last = all.filter((one) => shared.test(one));
    return codes.find((code) => code !== 0) ?? (last.length > 0 ? newman(name, behind, last) : 0);
  })));
}

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

// newman runs a collection, or some of its folders, with the credentials of dev's admin unless values has others. It
// returns the number of failures.
async function newman(name, values, only = []) {
  const rows = join(collections, name.replace('.postman_collection.json', '.csv'));
  const begun = Date.now();
  const { run: { stats, failures, executions } } = await new Promise((resolve, reject) => run({
    collection: collection(name),
    environment: JSON.parse(readFileSync(environment, 'utf8')),
    envVar: Object.entries(values).map(([key, value]) => ({ key, value })),
    iterationData: existsSync(rows) ? rows : undefined,
    folder: only.length > 0 ? only : undefined,
    bail: ['failure'],
  }, (error, summary) => error ? reject(error) : resolve(summary)));
  const faults = failures.map(({ source, error }) => `${source?.name ?? 'the run'}: ${error.name}: ${error.message}`);
  const { found, refused } = violations(executions);
  faults.push(...found.map((one) => `not as openapi.yaml says: ${one}`));
  // withPrism alone has an exact_url. Each run behind Prism sends requests that are wrong on purpose.
  if (values.exact_url && refused === 0) {
    faults.push('Prism found nothing wrong with requests that are wrong on purpose: it checks nothing');
  }
  if (stats.assertions.total === 0) faults.push('nothing was checked');
  const seconds = ((Date.now() - begun) / 1000).toFixed(1);
  const title = [name.replace('.postman_collection.json', ''), ...(only.length > 1 ? [`${only.length} folders`] : only)];
  console.log(`${title.join(': ')}: ${stats.requests.total} requests, ${stats.assertions.total} checks, ${seconds} s`);
  if (faults.length > 0) {
    const last = executions.at(-1);
    const said = last?.response ? `${last.response.code} ${last.response.text()}` : 'no response';
    console.error([...faults, `The last request: ${last?.item.name}: ${said}`].join('\n'));
  }
  return faults.length;
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
