// A proxy in front of the server that notes each request and does to some what networks do.
import { once } from 'node:events';
import { createServer, request as send } from 'node:http';

// withProxy calls use with a proxy. Its faults are taken one by one: `plan(path, fault, …)` lets each fault happen to
// one request to the path, in order.
//   {drop: true}           the connection breaks before the server gets the request
//   {cut: true}            the server gets it, and the response breaks off in its middle
//   {late: promise}        the response waits for the promise, or for what the function returns
//   {status, headers, body} the proxy itself responds
export async function withProxy(target, use, pages = {}) {
  const seen = [];
  const plans = new Map();
  const server = createServer(async (incoming, outgoing) => {
    const [path] = incoming.url.split('?');
    if (pages[path]) return outgoing.writeHead(200, { 'Content-Type': pages[path].type }).end(pages[path].text);
    let body = '';
    for await (const part of incoming.setEncoding('utf8')) body += part;
    seen.push({ method: incoming.method, path, headers: incoming.headers, body });
    const plan = plans.get(path);
    const fault = (typeof plan === 'function' ? plan() : plan?.shift()) ?? {};
    if (fault.drop) return incoming.socket.destroy();
    if (fault.status) return outgoing.writeHead(fault.status, fault.headers ?? {}).end(fault.body ?? '');
    const onward = send(new URL(incoming.url, target), { method: incoming.method, headers: { ...incoming.headers, host: new URL(target).host } });
    onward.on('error', () => outgoing.destroy()).on('response', (got) => pass(got, outgoing, fault)).end(body);
    outgoing.on('close', () => onward.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = {
    url: `http://127.0.0.1:${server.address().port}`,
    seen,
    to: (path) => seen.filter((request) => request.path === path),
    plan: (path, ...faults) => plans.set(path, typeof faults[0] === 'function' ? faults[0] : faults),
    cutAll: () => server.closeAllConnections(),
  };
  try {
    return await use(proxy);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function pass(got, outgoing, { cut, late }) {
  if (got.headers['content-type']?.startsWith('text/event-stream')) {
    outgoing.writeHead(got.statusCode, got.headers);
    return got.on('error', () => outgoing.destroy()).pipe(outgoing);
  }
  const parts = [];
  for await (const part of got) parts.push(part);
  const body = Buffer.concat(parts);
  await (typeof late === 'function' ? late() : late);
  outgoing.writeHead(got.statusCode, { ...got.headers, 'content-length': body.length });
  if (!cut) return outgoing.end(body);
  outgoing.write(body.subarray(0, body.length / 2), () => outgoing.destroy());
}
