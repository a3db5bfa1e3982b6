// Walks docs/guides/backend-go.md: its backend gets the key, the webhook and the requests of docs/guides/backend.md.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, gofmt, Guide } from '../snippets.mjs';
import { tryOut } from './backend.mjs';

export async function walk({ guide, home, api, data, binary }) {
  const env = guide.goModule(home);
  guide.cutOut(home);
  mkdirSync(join(home, 'verify'));
  writeFileSync(join(home, 'verify/verify.go'), codeOf('docs/tokens.md', 'go'));
  writeFileSync(join(home, 'verify/receipt.go'), codeOf('docs/prices.md', 'go'));
  gofmt(home);
  await tryOut(guide.command('POINTSYNC_URL='), new Guide('backend'), { home, binary, data, api, env });
}
