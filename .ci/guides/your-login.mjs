// Walks docs/guides/your-login.md with an issuer of its own: a dev that has the page's file takes its ID tokens.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { must } from '../browser/chromium.mjs';
import { install } from '../client/package.mjs';
import { root, withDev } from '../dev.mjs';

const { SignJWT, exportJWK, generateKeyPair } = await import(pathToFileURL(createRequire(join(root, 'tools/package.json')).resolve('jose')).href);
const audience = 'mV3kq9TzB2xW';

export const ownServer = true; // it starts a dev with the page's file

export async function walk({ guide, home, binary }) {
  install(home);
  await withIssuer(async (issuer, idToken) => {
    guide.cutOut(home, /yaml$/, (text) => {
      must(text.includes(audience), 'the audience of the page is another');
      return text.replace('https://example.eu.auth0.com/', issuer);
    });
    const flags = guide.command('go run ./cmd/pointsync dev').split(' ').slice(4);
    await withDev(binary, dirname(home), async ({ base_url }) => {
      guide.cutOut(home, /mjs$/, (code) => code.replace('http://127.0.0.1:8080', base_url));
      const { client, logIn, logOut } = await import(pathToFileURL(join(home, 'login.mjs')).href);
      const claims = { email: 'ada@example.com', email_verified: true };
      const ada = await logIn(() => idToken('user-1', claims));
      must(ada.email === claims.email && await client.loggedIn(), 'the exchange did not log in');
      const again = await logIn(() => idToken('user-1', claims));
      must(again.id === ada.id, 'the second exchange opened another account');
      await logOut();
      must(!await client.loggedIn(), 'the logout left the session');
      const refused = await logIn(() => idToken('user-1', { ...claims, aud: 'elsewhere' })).catch((error) => error.message);
      must(/audience|aud/.test(refused), `a token for another app was not refused with a reason: ${refused}`);
      console.log('  ok  an ID token opens its account, twice the same, and one for another app opens none');
      return 0;
    }, flags.map((word) => word === 'issuers.yaml' ? join(home, word) : word));
  });
}

// withIssuer calls use with the address of an issuer and with a function that makes its ID tokens.
async function withIssuer(use) {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = { ...await exportJWK(publicKey), kid: 'walk', alg: 'ES256', use: 'sig' };
  const server = createServer((request, response) => {
    const document = request.url === '/jwks' ? { keys: [jwk] } : { issuer, jwks_uri: `${issuer}/jwks` };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const idToken = (subject, claims) => new SignJWT({ aud: audience, ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'walk', typ: 'JWT' })
    .setIssuer(issuer).setSubject(subject).setIssuedAt().setExpirationTime('5m').sign(privateKey);
  try {
    return await use(issuer, idToken);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
