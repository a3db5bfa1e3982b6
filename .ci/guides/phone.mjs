// Walks docs/guides/phone.md. Its Swift and Kotlin are not compiled, because that needs Apple's and Google's tools: it
// is only checked that the operations in them exist. The page for the way back is opened in Chromium.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { must, withBrowser, withPage } from '../browser/chromium.mjs';
import { root } from '../dev.mjs';
import { post, registered } from './people.mjs';

export async function walk({ guide, home, api }) {
  guide.cutOut(home);
  const contract = readFileSync(join(root, 'openapi.yaml'), 'utf8');
  for (const file of ['Session.swift', 'Session.kt']) {
    const paths = [...readFileSync(join(home, file), 'utf8').matchAll(/"(\/[a-z/]+)"/g)].map(([, path]) => path);
    must(paths.length > 0 && paths.every((path) => contract.includes(`\n  ${path}:\n`)), `${file} has an operation that does not exist: ${paths}`);
  }
  for (const file of ['apple-app-site-association', 'assetlinks.json']) JSON.parse(readFileSync(join(home, '.well-known', file), 'utf8'));

  const { token } = await registered(api);
  const refused = await post(`${api}/checkout`, { item: 'pack_100', success_url: 'myapp://paid' }, { token }).catch((error) => error.message);
  must(/: 400 .*success_url/.test(refused), `myapp:// was not refused: ${refused}`);
  const { order } = await post(`${api}/checkout`, { item: 'pack_100' }, { token });
  await withBrowser((browser) => withPage(browser, {}, async (page) => {
    const href = async (search) => {
      await page.goto(pathToFileURL(join(home, 'paid.html')).href + search);
      return page.getByRole('link').getAttribute('href');
    };
    must(await href(`?order=${order.id}`) === `myapp://paid?order=${order.id}`, 'the page does not lead to the app');
    must(await href('?order=x%26a=b') === 'myapp://paid?order=', 'the page passes on what is no order');
  }));
  console.log('  ok  the page after the payment leads to the app, with the order alone');
}
