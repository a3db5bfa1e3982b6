// Walks through the demo shop and the sandbox's pages in a real browser, as people would, and checks each page against
// the rules of accessibility. If SHOTS names a folder, screenshots of the steps go there.
import { join } from 'node:path';
import { account } from './browser/account.mjs';
import { accessibility, newcomer } from './browser/accessibility.mjs';
import { checkout } from './browser/checkout.mjs';
import { withBrowser } from './browser/chromium.mjs';
import { desk } from './browser/desk.mjs';
import { dunning } from './browser/dunning.mjs';
import { elsewhere } from './browser/elsewhere.mjs';
import { issuer } from './browser/issuer.mjs';
import { panel } from './browser/panel.mjs';
import { plain } from './browser/plain.mjs';
import { portal } from './browser/portal.mjs';
import { shop } from './browser/shop.mjs';
import { subscriber } from './browser/subscriber.mjs';
import { topUp } from './browser/topup.mjs';
import { ways } from './browser/ways.mjs';
import { World } from './browser/world.mjs';
import { root, withBinary, withDev } from './dev.mjs';

const walk = (urls) => withBrowser(async (browser) => {
  const world = new World(urls.sandbox_url);
  await newcomer(browser, world);
  await shop(browser, urls, world);
  await account(browser, urls);
  await issuer(browser, urls);
  await subscriber(browser, urls, world);
  await topUp(browser, urls, world);
  await elsewhere(browser, urls, world);
  await checkout(browser, world);
  await ways(browser, world);
  await portal(browser, world);
  await panel(browser, world);
  await plain(browser, world);
  await accessibility(browser, world);
  await dunning(browser, urls, world);
  await desk(browser, urls, world);
  return 0;
});

process.exitCode = await withBinary((binary, folder) => withDev(binary, folder, walk,
  ['--catalog', join(root, '.ci/browser/catalog.yaml')]));
