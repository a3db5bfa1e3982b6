// A web app at another address than the API, as most are. Its page calls the API with plain fetch. `dev` lets pages of
// this machine in without being asked: they can send and read everything. From any other origin the browser prevents
// both.
import { must, stepper, withPage } from './chromium.mjs';
import { password } from './customer.mjs';
import { withServer } from './world.mjs';

const json = { 'Content-Type': 'application/json' };
const topUp = { enabled: true, pack: 'pack_100', quantity: 1, threshold: 50, monthly_limit: 2 };

// withSite calls use with the origin of a web app whose page is empty. The walk runs in it what its scripts would do.
const withSite = (use) => withServer(
  (_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>An app elsewhere</title>'), use);

// elsewhere walks through the app at an allowed origin, and then through the same app under another host.
export const elsewhere = (browser, urls, world) => withSite(async (origin) => {
  await withPage(browser, {}, (page) => allowed(page, urls, world, origin));
  const stranger = `http://stranger.test:${new URL(origin).port}`;
  await withPage(browser, {}, (page) => refused(page, urls, stranger));
});

async function allowed(page, urls, world, origin) {
  const [step, ask] = [stepper(page), asker(page, urls)];
  let token;
  const asked = async (status, method, path, body, headers = {}) => {
    const answer = await ask(method, path, body, token ? { Authorization: `Bearer ${token}`, ...headers } : headers);
    must(answer.status === status, `${method} ${path}: ${JSON.stringify(answer)}, want ${status}`);
    token = answer.body?.token ?? token;
    return answer;
  };
  await step('elsewhere: register from a page of another origin', async () => {
    await page.goto(origin);
    must(new URL(page.url()).origin !== new URL(urls.base_url).origin, 'the page is of the same origin');
    await asked(201, 'POST', '/auth/register', { email: 'elsewhere@example.com', password });
    const { body } = await asked(200, 'GET', '/points');
    must(body.available === 0, `there are ${body.available} points`);
  });
  await step('elsewhere: a refusal can be read', async () => {
    const { body } = await asked(409, 'PUT', '/points/top-up', topUp);
    must(body.detail.includes('No payment method is saved'), body.detail);
  });
  await step('elsewhere: buy a pack, and come back', async () => {
    const bought = { item: 'pack_100', save_payment_method: true, success_url: `${origin}/paid`, cancel_url: `${origin}/left` };
    const { body: { order, session_id: id } } = await asked(201, 'POST', '/checkout', bought, { 'Idempotency-Key': 'buy-1' });
    await world.paid({ id });
    const { body } = await asked(200, 'GET', `/checkout/${order.id}`);
    must(body.order.status === 'fulfilled' && body.points.available === 100, JSON.stringify(body));
  });
  await step('elsewhere: set a top-up up, and forget it', async () => {
    const { body } = await asked(200, 'PUT', '/points/top-up', topUp);
    must(body.top_up.status === 'on' && body.top_up.monthly_amount === 1000, JSON.stringify(body));
    await asked(204, 'DELETE', '/points/top-up');
    must((await asked(200, 'GET', '/points/top-up')).body.top_up === null, 'the top-up is still there');
  });
  await step('elsewhere: say how few points are low', async () => {
    must((await asked(200, 'PUT', '/points/threshold', { points: 25 })).body.points === 25, 'the threshold is another');
  });
  await step('elsewhere: a spend that is sent again says so to the page', async () => {
    const [first, again] = [await asked(200, 'POST', '/points/spend', { amount: 30 }, { 'Idempotency-Key': 'spend-1' }),
      await asked(200, 'POST', '/points/spend', { amount: 30 }, { 'Idempotency-Key': 'spend-1' })];
    must(first.headers['idempotent-replayed'] === undefined && again.headers['idempotent-replayed'] === 'true', JSON.stringify(again.headers));
    must(Boolean(again.headers['x-request-id']), 'the page cannot read the id of its request');
    must((await asked(200, 'GET', '/points')).body.available === 70, 'it was spent twice');
  });
}

async function refused(page, urls, origin) {
  const [step, ask] = [stepper(page), asker(page, urls)];
  const email = 'stranger@example.com';
  const kept = async (method, path, body, headers) => {
    const answer = await ask(method, path, body, headers);
    must(answer.failed, `${method} ${path} was let through: ${JSON.stringify(answer)}`);
  };
  await step('elsewhere: a page of an origin that is not allowed can read nothing', async () => {
    await page.goto(origin);
    await kept('GET', '/catalog');
    await kept('GET', '/points', undefined, { Authorization: `Bearer ${await tokenOf(urls, 'elsewhere@example.com')}` });
  });
  await step('elsewhere: nor has what it sends any effect', async () => {
    const authorization = { Authorization: `Bearer ${await tokenOf(urls, 'elsewhere@example.com')}` };
    await kept('POST', '/auth/register', { email, password });
    must((await login(urls, email)).status === 401, 'the account was made');
    await kept('PUT', '/points/threshold', { points: 1 }, authorization);
    await kept('POST', '/points/spend', { amount: 70 }, { 'Idempotency-Key': 'spend-2', ...authorization });
    const read = async (path) => (await fetch(urls.base_url + path, { headers: authorization })).json();
    const [{ points }, { available }] = [await read('/points/threshold'), await read('/points')];
    must(points === 25 && available === 70, `the threshold is ${points}, and ${available} points are left`);
  });
}

// asker returns what a page's own script learns of a request to the API. If the browser prevented the request, the
// script learns only that it failed.
const asker = (page, urls) => (method, path, body, headers = {}) => page.evaluate(async ([url, init]) => {
  try {
    const answer = await fetch(url, init);
    const text = await answer.text();
    return { status: answer.status, body: text && JSON.parse(text), headers: Object.fromEntries(answer.headers) };
  } catch (error) {
    return { failed: error.message };
  }
}, [urls.base_url + path, { method, headers: body ? { ...json, ...headers } : headers, body: body && JSON.stringify(body) }]);

const login = (urls, email) => fetch(`${urls.base_url}/auth/login`, { method: 'POST', headers: json, body: JSON.stringify({ email, password }) });

const tokenOf = async (urls, email) => (await (await login(urls, email)).json()).token;
