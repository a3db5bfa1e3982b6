// Walks docs/guides/web-page.md: makes the page from an empty folder, serves it with Vite at another origin than the
// API, and buys and spends in Chromium.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { withBrowser, withPage, must, stepper } from '../browser/chromium.mjs';
import { pay } from '../browser/card.mjs';
import { install, run } from '../client/package.mjs';

export async function walk({ guide, home, api }) {
  guide.command('go run ./cmd/pointsync dev'); // the walk has one at another port
  guide.command('make client-pack'); // done before the walks
  guide.npmInstall(home);
  install(home);
  guide.cutOut(home);
  npx(guide.command('npx tsc'), home);
  await withVite(guide.command('npx vite'), home, api, (address) => withBrowser((browser) => withPage(browser, {}, async (page) => {
    const step = stepper(page);
    const shows = (points) => page.locator('#points').getByText(points, { exact: true }).waitFor();
    const says = (text) => page.getByRole('status').filter({ hasText: text }).waitFor();
    const paint = (tab = page) => tab.getByRole('button', { name: 'Paint a picture' }).click();
    await page.goto(address);
    await step('a visitor registers', async () => {
      await page.getByLabel('Email').fill('ada@example.com');
      await page.getByLabel('Password').fill('correct horse battery');
      await page.getByRole('button', { name: 'Register' }).click();
      await shows('0');
    });
    await step('a picture without points is refused', async () => {
      await paint();
      await says('You have 0 points. Buy a pack.');
    });
    await step('a pack is paid, and its points are there', async () => {
      await page.getByRole('button', { name: '100 points for $5.00' }).click();
      await pay(page);
      await says('Thank you. You have 100 more points.');
      await shows('100');
      must(page.url() === address, 'the order is left in the address');
    });
    await step('a picture is painted', async () => {
      await paint();
      await says('Here is your picture.');
      await shows('70');
    });
    await step('a second tab paints, and the first one shows it', async () => {
      const second = await page.context().newPage();
      await second.goto(address);
      await paint(second);
      await shows('40');
      await second.close();
    });
    await step('a payment that is left buys nothing', async () => {
      await page.getByRole('button', { name: '1000 points for $40.00' }).click();
      await page.getByRole('link', { name: 'Cancel and go back' }).click();
      await shows('40');
    });
    await step('the customer logs out, and in again', async () => {
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByLabel('Email').fill('ada@example.com');
      await page.getByLabel('Password').fill('a wrong password');
      await page.getByRole('button', { name: 'Log in' }).click();
      await says(/password/);
      await page.getByLabel('Password').fill('correct horse battery');
      await page.getByRole('button', { name: 'Log in' }).click();
      await shows('40');
    });
  })));
  npx('npx vite build', home, { VITE_API: api });
}

// npx runs a command that the packages of the folder bring.
function npx(command, cwd, env = {}) {
  const [, name, ...args] = command.split(' ');
  run(join(cwd, 'node_modules/.bin', name), args, { cwd, env: { ...process.env, ...env } });
}

// withVite calls use with the address that Vite prints. Vite looks for a free port from 5173 on.
async function withVite(command, cwd, api, use) {
  const vite = spawn(join(cwd, 'node_modules/.bin', command.split(' ')[1]), { cwd, env: { ...process.env, VITE_API: api }, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(vite, 'exit');
  try {
    let printed = '';
    for await (const text of vite.stdout.setEncoding('utf8')) {
      printed += stripVTControlCharacters(text);
      const [address] = /http:\/\/localhost:\d+\//.exec(printed) ?? [];
      if (address) return await use(address);
    }
    throw new Error(`Vite ended without an address:\n${printed}`);
  } finally {
    vite.kill();
    await ended;
  }
}
