// Walks docs/guides/cookies.md: its backend keeps the tokens, and a browser has the cookie alone.
import { join } from 'node:path';
import { must } from '../browser/chromium.mjs';
import { install } from '../client/package.mjs';
import { freePorts } from '../dev.mjs';
import { withBackend } from './backend.mjs';
import { registered } from './people.mjs';

const origin = 'http://localhost:5173';

export async function walk({ guide, home, api }) {
  install(home);
  guide.cutOut(home);
  const [address] = await freePorts(1);
  const { user } = await registered(api, 60);
  const secrets = { POINTSYNC_URL: api, ORIGIN: origin, PORT: address.split(':')[1] };
  await withBackend('POINTSYNC_URL= ORIGIN= PORT= node backend.mjs', { home, address, secrets }, async () => {
    const send = async (method, path, body, { cookie = '', from = origin } = {}) => {
      const response = await fetch(`http://${address}${path}`, { method, body: body && JSON.stringify(body), headers: { cookie, ...(method === 'POST' && { origin: from }) } });
      const text = await response.text();
      must(!/psr_|eyJ/.test(text + response.headers.get('set-cookie')), `${path}: a token got out: ${text}`);
      return { status: response.status, body: text ? JSON.parse(text) : {}, cookie: response.headers.get('set-cookie') };
    };
    const wrong = await send('POST', '/login', { email: user.email, password: 'a wrong password' });
    must(wrong.status === 401 && !wrong.cookie, 'a wrong password opened a session');
    const login = await send('POST', '/login', { email: user.email, password: 'correct horse battery' });
    must(login.status === 204 && /HttpOnly; Secure; SameSite=Lax/.test(login.cookie), `the cookie is ${login.cookie}`);
    const cookie = login.cookie.split(';')[0];
    const paint = (key, more) => send('POST', '/pictures', { key }, { cookie, ...more });
    must((await paint('k1')).body.available === 30 && (await paint('k1')).body.available === 30, 'a repeat paid twice');
    must((await paint('k2', { from: 'https://evil.example' })).status === 403, 'a form of another site spent');
    must((await send('GET', '/points', undefined, { cookie })).body.available === 30, 'the points are others');
    await paint('k2');
    const refused = await paint('k3');
    must(refused.status === 402 && refused.body.type === '/problems/insufficient-points', `too few points: ${JSON.stringify(refused)}`);
    await send('POST', '/logout', {}, { cookie });
    must((await send('GET', '/points', undefined, { cookie })).status === 401, 'the cookie works after the logout');
  });
  console.log('  ok  the browser has a cookie alone; its requests pay once, and not from another site');
}
