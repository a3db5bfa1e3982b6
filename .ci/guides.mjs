// Does what the guides of docs/guides say: each in an empty folder, with the files and commands that its page has,
// against a fresh `pointsync dev`. `node .ci/guides.mjs web-page` walks one of them.
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './client/package.mjs';
import { root, withBinary, withDev } from './dev.mjs';
import { Guide } from './snippets.mjs';

const walks = readdirSync(join(root, '.ci/guides')).map((file) => file.replace(/\.mjs$/, ''));
const pages = readdirSync(join(root, 'docs/guides')).map((file) => file.replace(/\.md$/, ''));
const unwalked = pages.filter((name) => !walks.includes(name));
if (unwalked.length > 0) throw new Error(`no test runs the code of docs/guides/${unwalked}.md`);

build(); // the TypeScript client
process.exitCode = await withBinary(async (binary, folder) => {
  for (const name of process.argv.length > 2 ? process.argv.slice(2) : pages) {
    const { walk, ownServer } = await import(`./guides/${name}.mjs`);
    const home = join(folder, name);
    mkdirSync(home);
    const done = async ({ base_url, sandbox_url } = {}, data) => {
      const guide = new Guide(name);
      await walk({ guide, home, binary, api: base_url, stripe: sandbox_url, data });
      guide.done();
      return 0;
    };
    const failed = await (ownServer ? done() : withDev(binary, folder, done));
    if (failed !== 0) return failed;
    console.log(`docs/guides/${name}.md: done as it says`);
  }
  return 0;
});
