// Builds the static site into bin/site: the pages that docs/README.md lists, and the contract. A link that leads
// nowhere fails the build, also one to a heading or to a file of the repository. So does anything that a browser would
// load from another host.
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { tool } from './client/package.mjs';
import { root } from './dev.mjs';
import { reference } from './site/reference.mjs';

const site = join(root, 'tools/site');
const source = join(site, 'src');
const built = join(root, 'bin/site');
const repository = 'https://github.com/pointsync/pointsync/blob/main/';

rmSync(source, { recursive: true, force: true });
rmSync(built, { recursive: true, force: true });
const menu = pages();
menu.push({ text: 'The API', items: contract() });
writeFileSync(join(source, 'menu.json'), JSON.stringify(menu));
tool('vitepress', ['build', site]);
const faults = check();
if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exitCode = 1;
}

// pages writes each page that docs/README.md lists, and returns the list as the menu.
function pages() {
  const index = readFileSync(join(root, 'docs/README.md'), 'utf8');
  const files = new Set(['docs/README.md']);
  const sections = index.split(/\n(?=\S[^\n]*:\n\n- )/).slice(1).map((section) => {
    const items = [...section.matchAll(/\[([^\]]+)\]\(([\w./-]+\.md)\)/g)].map(([, name, file]) => ({ name, file: join('docs', file) }))
      .filter(({ file }) => file.startsWith('docs/') && !files.has(file));
    items.forEach(({ file }) => files.add(file));
    return { text: /^(.*?)(\.|:)/.exec(section)[1], collapsed: false, items: items.map(({ name, file }) => ({ text: /^[A-Z]/.test(name) ? name : title(file), link: `/${address(file)}` })) };
  });
  for (const file of files) write(address(file), withLinks(readFileSync(join(root, file), 'utf8'), file, files));
  cpSync(join(root, 'docs/screenshots'), join(source, 'screenshots'), { recursive: true });
  return sections;
}

function title(file) { return /^# (.*)$/m.exec(readFileSync(join(root, file), 'utf8'))[1].replaceAll('`', ''); }

function address(file) { return file.replace(/^docs\//, '').replace(/README\.md$/, 'index.md'); }

function write(name, text) {
  mkdirSync(dirname(join(source, name)), { recursive: true });
  writeFileSync(join(source, name), text);
}

// withLinks makes links to what the site does not have lead to the repository. Code stays as it is.
function withLinks(text, file, files) {
  return text.split(/(^```[^]*?^```$|`[^`\n]*`)/m).map((part, at) => at % 2 === 1 ? part : part.replaceAll(/\]\(([^\s():#]+)(#[\w-]+)?\)/g, (all, path, anchor = '') => {
    const target = join(dirname(file), path);
    if (!existsSync(join(root, target))) throw new Error(`${file}: no file ${path}`);
    if (files.has(target)) return `](/${address(target)}${anchor})`;
    if (target === 'openapi.yaml') return '](/reference/index.md)';
    if (target.startsWith('docs/screenshots/')) return `](/${address(target)})`;
    return `](${repository}${target}${anchor})`;
  })).join('');
}

// contract writes a page for each tag of openapi.yaml, and returns their menu.
function contract() {
  const bundle = join(source, 'openapi.json');
  mkdirSync(source, { recursive: true });
  tool('redocly', ['bundle', 'openapi.yaml', '--config', 'tools/redocly.yaml', '--output', bundle], { cwd: root, stdio: ['ignore', 'ignore', 'ignore'] });
  const written = reference(JSON.parse(readFileSync(bundle, 'utf8')));
  rmSync(bundle);
  for (const { name, text } of written) write(`reference/${name}.md`, `---\noutline: 2\n---\n${text}`);
  return written.map(({ name, title: text }) => ({ text, link: `/reference/${name}` }));
}

// check returns what is wrong with the site as it was built.
function check() {
  const files = readdirSync(built, { recursive: true }).filter((file) => file.endsWith('.html'));
  const pageOf = (file) => readFileSync(join(built, file), 'utf8');
  const ids = new Map(files.map((file) => [file, new Set([...pageOf(file).matchAll(/ id="([^"]+)"/g)].map(([, id]) => id))]));
  const found = [];
  for (const file of files.filter((name) => name !== '404.html')) {
    const page = pageOf(file);
    for (const [, url] of page.matchAll(/<(?:script|img|link|iframe|source)\b[^>]* (?:src|href)="([^"]+)"/g)) {
      if (/^(https?:)?\/\//.test(url)) found.push(`${file}: a browser loads ${url}`);
    }
    for (const [, href] of page.matchAll(/<a\b[^>]* href="([^"]+)"/g)) {
      if (/^[a-z]+:/.test(href)) continue;
      const [path, anchor] = href.split('#');
      const target = path === '' ? file : relative(built, join(built, path.startsWith('/') ? '' : dirname(file), path.endsWith('/') ? `${path}index.html` : path));
      const there = ids.has(target) || (existsSync(join(built, target)) && statSync(join(built, target)).isFile());
      if (!there) found.push(`${file}: ${href} leads nowhere`);
      else if (anchor && !ids.get(target)?.has(decodeURIComponent(anchor))) found.push(`${file}: ${href} has no such heading`);
    }
  }
  console.log(`site: ${files.length} pages in bin/site, ${found.length} faults`);
  return found;
}
