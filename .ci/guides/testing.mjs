// Walks docs/guides/testing.md: runs its tests in Go and in Playwright, the latter on the page of the first guide.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { executablePath } from '../browser/chromium.mjs';
import { install, run } from '../client/package.mjs';
import { freePorts } from '../dev.mjs';
import { gofmt, Guide } from '../snippets.mjs';

export async function walk({ guide, home, api, stripe }) {
  const inGo = join(home, 'go');
  mkdirSync(inGo);
  const go = guide.goModule(inGo);
  guide.cutOut(inGo, /_test\.go$/);
  gofmt(inGo);
  const env = { ...process.env, ...go, POINTSYNC_URL: api, VITE_API: api, STRIPE_URL: stripe };
  const [program, ...args] = guide.command('go test').split(' ');
  run(program, [...args, '-v'], { cwd: inGo, env });

  const page = join(home, 'page');
  const first = new Guide('web-page');
  first.npmInstall(page);
  first.cutOut(page);
  install(page);
  guide.npmInstall(page);
  guide.cutOut(page, /^playwright|^tests/);
  guide.command('npx playwright install'); // the walk has a browser
  const [, port] = (await freePorts(1))[0].split(':');
  const [, ...words] = guide.command('npx playwright test').split(' ');
  run(join(page, 'node_modules/.bin', words[0]), [...words.slice(1), '--reporter=list'], { cwd: page, env: { ...env, CHROMIUM: executablePath, PORT: port } });
}
