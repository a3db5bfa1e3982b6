// Puts Prism, a validating proxy, in front of a server, and reads in what Newman received what it found. Prism compares each
// request and each response with openapi.yaml, and names what differs in a header of the response.
import { join } from 'node:path';
import { freePorts, root, running } from './dev.mjs';

// withPrism calls use with the addresses, of which base_url is Prism's. Prism writes JSON again, so exact_url is the
// server itself, for requests whose bytes matter. It returns the number of failures.
export async function withPrism(folder, { base_url, ...more }, use) {
  const [address] = await freePorts(1);
  const prism = join(root, 'tools/node_modules/.bin/prism');
  const args = ['proxy', '--port', address.split(':')[1], '--verboseLevel', 'error', join(root, 'openapi.yaml'), base_url];
  return running(prism, args, folder, `http://${address}/healthz`,
    () => use({ ...more, base_url: `http://${address}`, exact_url: base_url }));
}

// Addresses that a server has and the contract does not, by their first segment.
const outside = ['mails.json']; // of `dev` alone

// violations returns what is wrong by the responses that Newman received, in words, and how many requests were wrong on
// purpose. A request may break the contract if the server refuses it. A response never may.
export function violations(executions) {
  const found = [];
  let refused = 0;
  for (const { item, request, response } of executions) {
    const said = response?.headers.get('sl-violations');
    const named = said && !outside.includes(request.url.path[0]) ? JSON.parse(said) : [];
    const isRefused = response?.code >= 400 && response.code < 500;
    if (named.length > 0 && isRefused) refused++;
    for (const { location = [], message } of named) {
      if (location[0] === 'request' && isRefused) continue;
      found.push(`${item.name}: ${request.method} ${response.code}: ${location.join('.')}: ${message}`);
    }
  }
  return { found, refused };
}
