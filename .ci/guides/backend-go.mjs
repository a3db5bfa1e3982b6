// Walks docs/guides/backend-go.md: its backend gets the key, the webhook and the requests of docs/guides/backend.md.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../browser/chromium.mjs';
import { run } from '../client/package.mjs';
import { freePorts } from '../dev.mjs';
import { codeOf, Guide } from '../snippets.mjs';
import { requests, setUp, withBackend } from './backend.mjs';

export async function walk({ guide, home, api, data, binary }) {
  guide.goModule(home);
  guide.cutOut(home);
  mkdirSync(join(home, 'verify'));
  writeFileSync(join(home, 'verify/verify.go'), codeOf('docs/tokens.md', 'go'));
  writeFileSync(join(home, 'verify/receipt.go'), codeOf('docs/prices.md', 'go'));
  must(run('gofmt', ['-l', '.'], { cwd: home, stdio: 'pipe' }).stdout.length === 0, 'the code of the page is not formatted by gofmt');
  const [address] = await freePorts(1);
  const other = new Guide('backend');
  const secrets = { ...setUp(other, { binary, data, api, address }), GOFLAGS: `${process.env.GOFLAGS ?? ''} -mod=mod`, GOWORK: 'off', GOPROXY: 'off' };
  await withBackend(guide.command('POINTSYNC_URL='), { home, address, secrets }, () => requests(other, address, api));
}
