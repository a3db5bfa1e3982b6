// Runs the JavaScript of docs/tokens.md, unchanged, against a running server. It must take a fresh token even if its own
// clock is a little ahead or behind. It must refuse a token that has expired, is not valid yet, is not for it, or was
// changed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './dev.mjs';

const code = /\n```js\n([^]*?)\n```\n/.exec(readFileSync(join(root, 'docs/tokens.md'), 'utf8'))?.[1];
if (!code) throw new Error('docs/tokens.md has no JavaScript');
const { claimsOf } = await import(`data:text/javascript,${encodeURIComponent(code)}`);

// checkSnippets returns the number of failed cases.
export async function checkSnippets(api) {
  const email = `snippet${process.pid}@example.com`;
  const registered = await fetch(`${api}/auth/register`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ email, password: 'correct horse battery' }),
  });
  const { token } = await registered.json();
  const [head, body, signature] = token.split('.');
  const other = Buffer.from(body, 'base64url').toString().replace('"points":', '"points":1');
  const minutes = 60;
  const cases = [
    ['fresh', true, token, 0],
    ['to a clock 3 s behind', true, token, -3],
    ['to a clock 3 s ahead', true, token, 3],
    ['just expired', true, token, 15 * minutes + 2],
    ['expired', false, token, 17 * minutes],
    ['not valid yet', false, token, -10 * minutes],
    ['for another audience', false, token, 0, 'elsewhere'],
    ['changed', false, `${head}.${Buffer.from(other).toString('base64url')}.${signature}`, 0],
    ['with a bad signature', false, `${head}.${body}.${signature.slice(0, -4)}AAAA`, 0],
    ['of an unknown key', false, `${Buffer.from('{"alg":"EdDSA","typ":"JWT","kid":"none"}').toString('base64url')}.${body}.${signature}`, 0],
  ];
  let failed = 0;
  for (const [what, taken, raw, ahead, audience] of cases) {
    if (await takes(raw, api, ahead, audience) === taken) continue;
    console.error(`docs/tokens.md: a token ${what} was ${taken ? 'refused' : 'taken'}`);
    failed++;
  }
  console.log(`docs/tokens.md: ${cases.length} tokens, ${failed} faults`);
  return failed;
}

// takes runs the snippet with a clock that is a given number of seconds ahead.
async function takes(raw, api, ahead, audience) {
  const { now } = Date;
  Date.now = () => now() + ahead * 1000;
  try {
    return typeof (await claimsOf(raw, api, 'pointsync', audience)).sub === 'string';
  } catch {
    return false;
  } finally {
    Date.now = now;
  }
}
