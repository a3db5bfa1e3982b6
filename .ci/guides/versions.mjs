// Walks docs/guides/versions.md: its client notices a response that announces an end, once, and no other.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { must } from '../browser/chromium.mjs';
import { install } from '../client/package.mjs';

const announced = { deprecation: '@1767225600', sunset: 'Wed, 01 Jul 2026 00:00:00 GMT', link: '<https://example.com/end>; rel="deprecation"' };

export const ownServer = true; // it needs no dev

export async function walk({ guide, home }) {
  install(home);
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', ...(request.url === '/points' ? announced : {}) }).end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const told = [];
  const { warn } = console;
  console.warn = (text) => told.push(text);
  try {
    guide.cutOut(home, /./, (code) => code.replace('http://127.0.0.1:8080', `http://127.0.0.1:${server.address().port}`));
    const { client } = await import(pathToFileURL(join(home, 'client.mjs')).href);
    for (const path of ['/catalog', '/points', '/points']) await client.GET(path);
  } finally {
    console.warn = warn;
    server.closeAllConnections();
    server.close();
  }
  must(told.length === 1 && told[0] === '/points is deprecated since 2026-01-01 and may be gone on 2026-07-01: https://example.com/end', `it said ${told}`);
  console.log('  ok  the client says once that an operation will end');
}
