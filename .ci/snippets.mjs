// The code in the pages of docs. Guide hands out that of docs/guides, for the walks in .ci/guides. checkSnippets runs
// the JavaScript of docs/tokens.md and docs/prices.md, unchanged, against a running server. It must take a fresh token
// even if its own clock is a little ahead or behind. It must refuse a token that has expired, is not valid yet, is not
// for it, or was changed. The same holds for a receipt.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { must } from './browser/chromium.mjs';
import { modules, run } from './client/package.mjs';
import { root } from './dev.mjs';
import { post, registered } from './guides/people.mjs';

// Guide is a page of docs/guides whose code a walk runs. A block is a file if the line before it ends with the file's
// name and a colon: `src/main.ts`:. A block of sh is a list of commands. At its end a walk calls done, which fails if
// it has left out any code of the page.
export class Guide {
  #blocks;
  #commands;

  constructor(name) {
    this.page = `docs/guides/${name}.md`;
    const text = readFileSync(join(root, this.page), 'utf8');
    this.#blocks = [...text.matchAll(/(?:`([^`\n]+)`:\n\n)?^```(\w*)\n([^]*?\n)```$/gm)].map(([, file, language, code]) => ({ file, language, code }));
    this.#commands = this.#blocks.filter(({ file, language }) => language === 'sh' && !file).flatMap(({ code }) => code.trimEnd().split('\n'));
  }

  // cutOut writes those files of the page whose names match into a folder. A change may put in other addresses.
  cutOut(folder, names = /./, change = (code) => code) {
    const files = this.#blocks.filter(({ file }) => file && names.test(file));
    if (files.length === 0) throw new Error(`${this.page} has no file ${names}`);
    for (const { file, code } of files) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), change(code));
    }
    this.#blocks = this.#blocks.filter((block) => !files.includes(block));
  }

  // block takes the first block in a language that is no file off the list, and returns it.
  block(language) {
    const at = this.#blocks.findIndex((block) => !block.file && block.language === language);
    if (at < 0) throw new Error(`${this.page} has no ${language}`);
    return this.#blocks.splice(at, 1)[0].code;
  }

  // command takes the first command that begins so off the list, and returns all of it.
  command(beginning) {
    const at = this.#commands.findIndex((line) => line.startsWith(beginning));
    if (at < 0) throw new Error(`${this.page} has no command ${beginning}`);
    return this.#commands.splice(at, 1)[0];
  }

  // npmInstall does what the page's `npm install` does, with the packages of tools/package.json, which need no network.
  // The page has to name the same versions.
  npmInstall(folder) {
    for (const word of this.command('npm install').split(' ').slice(2).filter((part) => !part.startsWith('-') && !part.endsWith('.tgz'))) {
      const [, name, version] = /^(@?[^@]+)@(.+)$/.exec(word) ?? [];
      const { version: pinned, bin = {} } = JSON.parse(readFileSync(join(modules, name ?? word, 'package.json'), 'utf8'));
      if (version !== pinned) throw new Error(`${this.page} installs ${word}; tools/package.json has ${pinned}`);
      link(join(modules, name), join(folder, 'node_modules', name));
      for (const command of Object.keys(typeof bin === 'string' ? { [name]: bin } : bin)) link(join(modules, '.bin', command), join(folder, 'node_modules/.bin', command));
    }
  }

  // goModule does what the page's `go mod init` and `go get` do, with the modules of go.mod, which are on this machine.
  // The page has to name the same versions. goModule returns the environment in which Go finds them.
  goModule(folder) {
    const module = this.command('go mod init').split(' ').at(-1);
    const pins = readFileSync(join(root, 'go.mod'), 'utf8');
    const get = this.#commands.some((line) => line.startsWith('go get')) ? this.command('go get') : '';
    for (const word of get.split(' ').slice(2)) {
      if (!pins.includes(`\t${word.replace('@', ' ')}\n`)) throw new Error(`${this.page} gets ${word}; go.mod has another`);
    }
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'go.mod'), pins.replace(/^module .*$/m, `module ${module}`));
    writeFileSync(join(folder, 'go.sum'), readFileSync(join(root, 'go.sum')));
    return { GOFLAGS: `${process.env.GOFLAGS ?? ''} -mod=mod`, GOWORK: 'off', GOPROXY: 'off' };
  }

  done() {
    const left = [...this.#blocks.filter(({ file, language }) => file || language !== 'sh').map(({ file, language, code }) => file ?? `${language}: ${code.split('\n')[0]}`), ...this.#commands];
    if (left.length > 0) throw new Error(`${this.page} has code that no test runs:\n${left.join('\n')}`);
  }
}

function link(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  symlinkSync(from, to);
}

// gofmt fails if Go code that was cut out is not formatted.
export function gofmt(folder) {
  const list = run('gofmt', ['-l', '.'], { cwd: folder, stdio: 'pipe' }).stdout;
  must(list.length === 0, `the page's code is not formatted by gofmt:\n${list}`);
}

// codeOf returns the first block in a language of a page.
export function codeOf(page, language) {
  const code = new RegExp(`\\n\`\`\`${language}\\n([^]*?)\\n\`\`\`\\n`).exec(readFileSync(join(root, page), 'utf8'))?.[1];
  if (!code) throw new Error(`${page} has no ${language}`);
  return `${code}\n`;
}

// snippet imports the JavaScript of a page, after a change.
async function snippet(page, change = (code) => code) {
  return import(`data:text/javascript,${encodeURIComponent(change(codeOf(page, 'js')))}`);
}

const { claimsOf } = await snippet('docs/tokens.md');

// checkSnippets returns the number of failed cases.
export async function checkSnippets(api) {
  const { token } = await registered(api, 100);
  return await checkTokens(api, token) + await checkReceipts(api, token);
}

// checkReceipts verifies the receipt of a spend as the operator's other services do. Only the API's address and the
// place of the library differ from the page.
async function checkReceipts(api, customer) {
  const library = pathToFileURL(createRequire(join(root, 'tools/package.json')).resolve('jose')).href;
  const { receiptOf } = await snippet('docs/prices.md', (code) => code.replace('http://127.0.0.1:8080', api).replace("'jose'", `'${library}'`));
  const { spend, receipt, token } = await post(`${api}/points/spend`, { action: 'picture', quantity: 2 }, { token: customer, key: 'snippet' });
  const minutes = 60;
  const cases = [
    ['of a spend', true, receipt, 0],
    ['to a clock 3 s behind', true, receipt, -3],
    ['to a clock 3 s ahead', true, receipt, 3],
    ['expired', false, receipt, 17 * minutes],
    ['for another audience', false, receipt, 0, 'elsewhere'],
    ['that is an access token', false, token, 0, 'pointsync'],
    ['changed', false, receipt.slice(0, -4) + 'AAAA', 0],
  ];
  const read = async (raw, audience) => (await receiptOf(raw, 'pointsync', audience)).spend === spend.id;
  return failures('docs/prices.md', 'receipt', cases, read);
}

async function checkTokens(api, token) {
  const [head, body, signature] = token.split('.');
  const other = Buffer.from(body, 'base64url').toString().replace('"points":', '"points":1');
  const minutes = 60;
  const cases = [
    ['fresh', true, token, 0],
    ['to a clock 3 s behind', true, token, -3],
    ['to a clock 3 s ahead', true, token, 3],
    ['just expired', true, token, 15 * minutes + 2],
    ['expired', false, token, 17 * minutes],
    ['not valid yet', false, token, -10 * minutes],
    ['for another audience', false, token, 0, 'elsewhere'],
    ['changed', false, `${head}.${Buffer.from(other).toString('base64url')}.${signature}`, 0],
    ['with a bad signature', false, `${head}.${body}.${signature.slice(0, -4)}AAAA`, 0],
    ['of an unknown key', false, `${Buffer.from('{"alg":"EdDSA","typ":"JWT","kid":"none"}').toString('base64url')}.${body}.${signature}`, 0],
  ];
  const read = async (raw, audience) => typeof (await claimsOf(raw, api, 'pointsync', audience)).sub === 'string';
  return failures('docs/tokens.md', 'token', cases, read);
}

// failures counts the cases in which a page's snippet takes what it should refuse, or refuses what it should take.
async function failures(page, thing, cases, read) {
  let failed = 0;
  for (const [what, taken, raw, ahead, audience] of cases) {
    if (await takes(read, raw, ahead, audience) === taken) continue;
    console.error(`${page}: a ${thing} ${what} was ${taken ? 'refused' : 'taken'}`);
    failed++;
  }
  console.log(`${page}: ${cases.length} ${thing}s, ${failed} faults`);
  return failed;
}

// takes runs a snippet with clocks that are a given number of seconds ahead.
async function takes(read, raw, ahead, audience) {
  const { Date } = globalThis;
  globalThis.Date = class extends Date {
    constructor(...args) { super(...(args.length ? args : [Date.now() + ahead * 1000])); }
    static now() { return Date.now() + ahead * 1000; }
  };
  try {
    return await read(raw, audience);
  } catch {
    return false;
  } finally {
    globalThis.Date = Date;
  }
}
