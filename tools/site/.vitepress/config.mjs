// The static site of docs and of the contract. .ci/site.mjs writes what it shows into src first, with the sidebar.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitepress';

// slugify names a heading as GitHub does, so that one link serves both.
const slugify = (heading) => heading.trim().toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(/\s/g, '-');

const menu = JSON.parse(readFileSync(join(import.meta.dirname, '../src/menu.json'), 'utf8'));

export default defineConfig({
  title: 'pointsync',
  description: 'A self-hosted billing backend: subscriptions and points through Stripe.',
  lang: 'en',
  srcDir: 'src',
  outDir: '../../bin/site',
  // Links are checked here; anchors, and files that only the repository has, in .ci/site.mjs.
  ignoreDeadLinks: false,
  markdown: { anchor: { slugify } },
  vite: { build: { chunkSizeWarningLimit: 1500 } }, // kB; the largest is the index that the search loads when it is used
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [{ text: 'Guides', link: menu[0].items[0].link }, { text: 'The API', link: menu.at(-1).items[0].link }],
    sidebar: menu,
  },
});
