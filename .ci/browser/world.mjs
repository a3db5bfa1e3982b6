// Makes things in the sandbox as a merchant's backend does, over the API.
import { once } from 'node:events';
import { createServer } from 'node:http';

export class World {
  constructor(url) { this.url = url; }

  // ask sends a form to the API and returns the object of the response.
  async ask(path, form, method = form ? 'POST' : 'GET') {
    const body = form && new URLSearchParams(form);
    return this.#answer(path, { method, body, headers: { authorization: 'Bearer sk_test_walk' } });
  }

  // control sends JSON to one of the sandbox's own controls.
  async control(path, wish) {
    return this.#answer(`/_sandbox/${path}`, wish ? { method: 'POST', body: JSON.stringify(wish) } : {});
  }

  async #answer(path, init) {
    const answer = await fetch(this.url + path, init);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  }

  async price(name, amount, interval) {
    const recurring = interval ? { 'recurring[interval]': interval } : {};
    return (await this.ask('/v1/prices', { currency: 'usd', unit_amount: String(amount), 'product_data[name]': name, ...recurring })).id;
  }

  async customer(email, name) { return (await this.ask('/v1/customers', { email, name })).id; }

  // session makes a checkout session that leads back to the sandbox itself. That page is always there, and shows that
  // the payer went on.
  async session(mode, price, more = {}) {
    return this.ask('/v1/checkout/sessions', { mode, success_url: `${this.url}/paid`, cancel_url: `${this.url}/left`,
      'line_items[0][price]': price, 'line_items[0][quantity]': '1', ...more });
  }

  async paid(session, card = 'pm_card_visa') { return this.ask(`/v1/payment_pages/${session.id}/confirm`, { payment_method: card }); }

  async portal(customer) { return (await this.ask('/v1/billing_portal/sessions', { customer, return_url: `${this.url}/back` })).url; }

  async subscribed(price, email, name) {
    const customer = await this.customer(email, name);
    const { subscription } = await this.paid(await this.session('subscription', price, { customer }));
    return { customer, subscription };
  }
}

// withReceiver calls use with the address of a webhook endpoint that responds with the status of answers().
export const withReceiver = (answers, use) => withServer(
  (request, response) => { request.resume().on('end', () => response.writeHead(answers(), {}).end()); }, (origin) => use(`${origin}/webhook`));

// withServer calls use with the origin of a server that the walk starts.
export async function withServer(handle, use) {
  const server = createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await use(`http://127.0.0.1:${server.address().port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
