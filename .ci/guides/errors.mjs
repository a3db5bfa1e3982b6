// Walks docs/guides/errors.md: the types that it names, its repeats, through a network that loses responses, and its
// example.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { withProxy } from '../../docs/clients/typescript/test/proxy.mjs';
import { must } from '../browser/chromium.mjs';
import { root } from '../dev.mjs';
import { registered } from './people.mjs';

export async function walk({ guide, home, api }) {
  const page = readFileSync(join(root, guide.page), 'utf8');
  const [types] = /^ {4}ProblemType:$[^]*?^ {6}x-enum/m.exec(readFileSync(join(root, 'openapi.yaml'), 'utf8'));
  const unnamed = [...types.matchAll(/- \/problems\/(\S+)/g)].map(([, name]) => name).filter((name) => !page.includes(`\`${name}\``));
  must(unnamed.length === 0, `${guide.page} says nothing of ${unnamed}`);
  guide.cutOut(home);
  const { insist } = await import(pathToFileURL(join(home, 'insist.mjs')).href);
  const { token } = await registered(api, 60);
  await withProxy(api, async (proxy) => {
    const spend = (key, more = {}) => insist(`${proxy.url}/points/spend`, { action: 'picture', ...more }, { token, key });
    const unavailable = { status: 503, headers: { 'content-type': 'application/problem+json', 'retry-after': '1' }, body: '{"type": "/problems/unavailable"}' };
    proxy.plan('/points/spend', { drop: true }, { cut: true }, unavailable, { status: 502, body: 'a proxy' });
    const { points } = await spend('s1');
    must(points.available === 30 && proxy.to('/points/spend').length === 5, `one spend of 30 left ${points.available}, in ${proxy.to('/points/spend').length} attempts`);
    must((await spend('s1')).points.available === 30, 'a repeat was a second spend');
    const reused = await spend('s1', { quantity: 2 }).catch((error) => error.problem);
    must(reused?.type === '/problems/idempotency-key-reused', `a reused key: ${JSON.stringify(reused)}`);
    await spend('s2');
    const refused = await spend('s3').catch((error) => error.problem);
    const shown = JSON.parse(guide.block('json'));
    for (const member of ['type', 'title', 'status', 'detail']) must(refused[member] === shown[member], `${member} of the example is ${refused[member]}`);
  });
  console.log('  ok  a spend is repeated until its outcome is known, and happens once');
}
