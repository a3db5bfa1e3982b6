// People at a server, for the walks: with points, or with a subscription.
import { must } from '../browser/chromium.mjs';

let people = 0;

export async function post(url, body, { token, key } = {}) {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body), headers: {
    'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }), ...(key && { 'idempotency-key': key }),
  } });
  const answer = await response.json();
  must(response.ok, `${url}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

// registered returns the session of a new customer, whom an admin has given points.
export async function registered(api, points = 0) {
  const session = await post(`${api}/auth/register`, { email: `ada-${process.pid}-${++people}@example.com`, password: 'correct horse battery' });
  if (points === 0) return session;
  const { token } = await post(`${api}/auth/login`, { email: 'admin@example.com', password: 'correct horse battery' });
  await post(`${api}/admin/accounts/${session.user.id}/grants`, { amount: points, reason: 'to spend' }, { token, key: `grant-${people}` });
  return session;
}

// subscribed returns the session of a new customer who has paid for a plan.
export async function subscribed(api, stripe, plan) {
  const { token } = await registered(api);
  const { order, session_id } = await post(`${api}/checkout`, { item: plan }, { token });
  const paid = await fetch(`${stripe}/v1/payment_pages/${session_id}/confirm`, { method: 'POST', body: new URLSearchParams({ payment_method: 'pm_card_visa' }), headers: { authorization: 'Bearer sk_test_x' } });
  must(paid.ok, `paying: ${paid.status}`);
  const get = async (path) => (await fetch(api + path, { headers: { authorization: `Bearer ${token}` } })).json();
  await get(`/checkout/${order.id}`);
  return get('/session');
}
