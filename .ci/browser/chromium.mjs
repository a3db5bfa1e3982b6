// Starts the browser that the walks share, and listens for errors of the pages.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from '../dev.mjs';

const { chromium } = createRequire(join(root, 'tools/package.json'))('playwright-core');
export const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const patience = 15_000; // milliseconds, for one step

// withBrowser calls use with a browser, and closes it when use has ended.
export async function withBrowser(use) {
  if (!executablePath) throw new Error('no Chromium: install the package chromium, or Google Chrome');
  const browser = await chromium.launch({
    executablePath,
    args: ['--host-resolver-rules=MAP stranger.test 127.0.0.1', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
  });
  try {
    return await use(browser);
  } finally {
    await browser.close();
  }
}

// withPage calls use with a page in a new context. It fails if a script or the content security policy of a page
// reported an error.
export async function withPage(browser, options, use) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const complaints = [];
  context.on('weberror', (error) => complaints.push(`a script failed: ${error.error().message}`));
  context.on('console', (line) => { if (line.text().includes('Content Security Policy')) complaints.push(line.text()); });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(patience);
    await use(page);
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
  } finally {
    await context.close();
  }
}

// stepper prints each step in one line.
export function stepper(page) {
  return async (name, act) => {
    try {
      await act();
    } catch (error) {
      throw new Error(`${name}: ${error.message}\nat ${page.url()}`, { cause: error });
    }
    console.log(`  ok  ${name}`);
    await shoot(page, name);
  };
}

// shoot takes a picture of a page, if SHOTS names a folder for pictures.
export async function shoot(page, name) {
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${name.replaceAll(/\W+/g, '-')}.png`), fullPage: true });
}

// must fails with a sentence if its condition is not true.
export function must(holds, sentence) {
  if (!holds) throw new Error(sentence);
}
