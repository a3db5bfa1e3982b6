// The rules of WCAG 2.1, level A and AA, as far as axe-core can tell: in light and dark and at the width of a phone.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from '../dev.mjs';
import { shoot, withPage } from './chromium.mjs';

const axe = readFileSync(createRequire(join(root, 'tools/package.json')).resolve('axe-core/axe.min.js'), 'utf8');
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];
const looks = [
  { colorScheme: 'light', width: 1280, height: 900 },
  { colorScheme: 'dark', width: 1280, height: 900 },
  { colorScheme: 'light', width: 390, height: 844 },
];

// hold opens pages, one after the other, and checks each of them against the rules.
export const hold = (browser, pages) => withPage(browser, { bypassCSP: true, reducedMotion: 'reduce' }, async (page) => {
  const failures = [];
  for (const [name, open] of Object.entries(pages)) {
    await open(page);
    failures.push(...await look(page, name));
  }
  if (failures.length > 0) throw new Error(`not accessible:\n${failures.join('\n')}`);
});

// accessible checks the open page against the rules, and leaves it in light and as wide as it was.
export async function accessible(page, name) {
  const size = page.viewportSize();
  const failures = await look(page, name);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(size);
  if (failures.length > 0) throw new Error(`not accessible:\n${failures.join('\n')}`);
}

async function look(page, name) {
  await page.evaluate(axe);
  const found = [];
  for (const { colorScheme, ...size } of looks) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(size);
    found.push(...(await violations(page)).map((violation) => `${name}, ${colorScheme}, ${size.width} px: ${violation}`));
    await shoot(page, `${name} ${colorScheme} ${size.width}`);
  }
  if (found.length === 0) console.log(`  ok  accessible: ${name}`);
  return found;
}

// violations returns what axe found. It also checks that the page can be read without scrolling sideways (WCAG 1.4.10),
// which axe does not see.
async function violations(page) {
  const { violations: found } = await page.evaluate((tags) => axe.run(document, { runOnly: tags, resultTypes: ['violations'], preload: false }), rules);
  const said = found.map(({ id, nodes: [first, ...more] }) => `${id} at ${first.target.join(' ')}${more.length > 0 ? ` and ${more.length} more` : ''}: ${first.failureSummary.replaceAll(/\s+/g, ' ')}`);
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wider > 0) said.push(`the page is ${wider} px wider than the window`);
  return said;
}
