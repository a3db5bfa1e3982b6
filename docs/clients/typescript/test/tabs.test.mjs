// Rule 2 in a browser: two tabs with one refresh token refresh once, by Web Locks and without them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { api, password } from './world.mjs';
import { withProxy } from './proxy.mjs';

const root = process.env.POINTSYNC_ROOT;
const { withBrowser, withPage } = await import(join(root, '.ci/browser/chromium.mjs'));
const { buildSync } = createRequire(join(root, 'tools/package.json'))('esbuild');
const bundle = buildSync({ stdin: { contents: "export * from '@pointsync/client'", resolveDir: import.meta.dirname }, bundle: true, format: 'esm', write: false });
const pages = {
  '/page': { type: 'text/html', text: '<!doctype html><title>An app</title>' },
  '/client.js': { type: 'text/javascript', text: bundle.outputFiles[0].text },
};

// inTabs calls use with two tabs of one browser. A client is logged in in both.
const inTabs = (prepare, use) => withProxy(api, (proxy) => withBrowser((browser) => withPage(browser, {}, async (first) => {
  const context = first.context();
  await context.addInitScript(prepare);
  const second = await context.newPage();
  for (const tab of [first, second]) {
    await tab.goto(`${proxy.url}/page`);
    await tab.evaluate(async () => {
      const { createClient } = await import('/client.js');
      window.client = createClient({ baseUrl: location.origin });
    });
  }
  const email = `tabs-${process.pid}-${Date.now()}@example.com`;
  await first.evaluate((body) => window.client.POST('/auth/register', { body }), { email, password });
  await use(proxy, [first, second]);
})), pages);

async function refreshOnce(proxy, tabs) {
  await tabs[0].evaluate(() => localStorage.setItem('pointsync.token', 'e30.e30.e30'));
  const statuses = await Promise.all(tabs.map((tab) => tab.evaluate(() => Promise.all(
    Array.from({ length: 5 }, async () => (await window.client.GET('/session')).response.status)))));
  assert.deepEqual(statuses.flat(), Array(10).fill(200));
  assert.equal(proxy.to('/auth/refresh').length, 1);
  const [one, other] = await Promise.all(tabs.map((tab) => tab.evaluate(() => localStorage.getItem('pointsync.refresh'))));
  assert.equal(one, other);
}

test('two tabs refresh once, by Web Locks', () => inTabs(() => {}, async (proxy, tabs) => {
  assert.ok(await tabs[0].evaluate(() => 'locks' in navigator));
  await refreshOnce(proxy, tabs);
}));

test('two tabs refresh once without Web Locks, by a lease in localStorage', () => inTabs(
  () => Object.defineProperty(navigator, 'locks', { value: undefined }), refreshOnce));

test('the session is followed in a page', () => inTabs(() => {}, async (proxy, [tab]) => {
  const available = await tab.evaluate(() => new Promise((told) => {
    const stop = window.client.follow((session) => { stop(); told(session.points.available); });
  }));
  assert.equal(available, 0);
  assert.equal(proxy.to('/session/stream').length, 1);
}));
