// Starts two `pointsync serve` on one PostgreSQL database, with a local Stripe and an address in front that passes each
// request on to the other one. The database is the one that TEST_DATABASE_URL names, as pgtest makes it; it must be
// empty.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { freePorts, root, running, withSandbox } from './dev.mjs';
import { post } from './guides/people.mjs';

const admin = { admin_email: 'admin@example.com', admin_password: crypto.randomUUID() };

// withReplicas calls use with the addresses and the admin's credentials, and returns its result, the number of
// failures.
export function withReplicas(binary, folder, use) {
  return withSandbox(binary, folder, async (sandbox) => {
    const [one, two, front] = await freePorts(3);
    const balancer = await balance(front, [one, two]);
    const base_url = `http://${front}`;
    const issuers = join(folder, 'issuers.yaml'); // the one beside the local Stripe
    writeFileSync(issuers, `issuers:
  - {issuer: "${sandbox}/_issuer", audiences: [pointsync-dev], link_email: true}
`);
    const env = {
      ...process.env,
      DATABASE_URL: process.env.TEST_DATABASE_URL,
      STRIPE_SECRET_KEY: 'sk_test_replicas', STRIPE_API_BASE: sandbox, POINTSYNC_CLOCK_URL: `${sandbox}/_sandbox/clock`,
      STRIPE_WEBHOOK_SECRET: 'whsec_notyetknownq7Lx2VbT9mKdR4w',
      POINTSYNC_ALLOWED_ORIGINS: base_url, POINTSYNC_ALLOW_LOCAL_WEBHOOKS: 'true',
      POINTSYNC_TOP_UP_COOL_OFF: '1m', POINTSYNC_CATALOG: join(root, 'catalog.yaml'),
      POINTSYNC_ISSUERS: issuers,
    };
    const run = (...args) => {
      const { status, stdout, stderr } = spawnSync(binary, args, { env, cwd: folder, encoding: 'utf8' });
      if (status !== 0) throw new Error(`pointsync ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
      return stdout;
    };
    try {
      env.POINTSYNC_SIGNING_KEYS = run('keygen').trim();
      run('migrate');
      env.STRIPE_WEBHOOK_SECRET = /whsec_\w+/.exec(run('stripe', 'setup', '--webhook-url', `${base_url}/webhook`))[0];
      const serve = (address, inside) => running(binary, ['serve'], folder, `http://${address}/readyz`, inside, {
        ...env, POINTSYNC_ADDR: address,
      });
      return await serve(one, () => serve(two, async () => {
        await post(`${base_url}/auth/register`, { email: admin.admin_email, password: admin.admin_password });
        run('user', 'role', admin.admin_email, 'admin');
        return use({ base_url, sandbox_url: sandbox, ...admin });
      }));
    } finally {
      balancer.close();
      balancer.closeAllConnections();
    }
  });
}

// balance listens at an address, and passes requests on to the servers in turn.
async function balance(address, servers) {
  let turn = 0;
  const balancer = createServer((from, to) => {
    const [host, port] = servers[turn++ % servers.length].split(':');
    const on = request({ host, port, method: from.method, path: from.url, headers: from.headers }, (answer) => {
      to.writeHead(answer.statusCode, answer.headers);
      answer.pipe(to);
    });
    on.on('error', () => to.destroy());
    to.on('close', () => on.destroy());
    from.pipe(on);
  });
  const [host, port] = address.split(':');
  await once(balancer.listen(Number(port), host), 'listening');
  return balancer;
}
