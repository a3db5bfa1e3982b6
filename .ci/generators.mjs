// Proves that a client generator of others reads the contract: @hey-api/openapi-ts writes a TypeScript client, and its
// types are compiled with a program that uses them. Nothing of it is kept.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tool } from './client/package.mjs';
import { root } from './dev.mjs';

const program = `
import { getCatalog, getProblem, login, spendPoints } from './client';

export async function example(): Promise<number> {
  const session = await login({ body: { email: 'ada@example.com', password: 'correct horse battery' }, throwOnError: true });
  const refresh: string = session.data.refresh_token;
  const catalog = await getCatalog({ throwOnError: true });
  const explained = await getProblem({ path: { code: 'conflict' }, throwOnError: true });
  const spend = await spendPoints({
    auth: session.data.token, headers: { 'Idempotency-Key': refresh.slice(0, 20) }, body: { amount: 1 },
  });
  // @ts-expect-error a client chooses no price
  await spendPoints({ body: { amount: 1, price: 0 } });
  if (spend.error?.type === '/problems/insufficient-points') return catalog.data.packs.length;
  return spend.data?.points.available ?? (typeof explained.data === 'string' ? 0 : explained.data.status);
}
`;

const folder = mkdtempSync(join(tmpdir(), 'pointsync-generated-'));
try {
  tool('openapi-ts', ['-i', join(root, 'openapi.yaml'), '-o', join(folder, 'client'), '-c', '@hey-api/client-fetch', '--silent', '--no-log-file']);
  writeFileSync(join(folder, 'program.ts'), program);
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2022,dom,dom.iterable'];
  tool('tsc', [...options, join(folder, 'program.ts')]);
  console.log('@hey-api/openapi-ts: the client that it writes compiles');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
