// Packs the npm packages of a release: node docs/clients/npm/pack.mjs DIST. DIST is the folder that goreleaser wrote;
// the packages go to DIST/npm. `make npm` calls pack for this computer alone.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const home = import.meta.dirname;
const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
// The packages are named as Node names systems and processors; goreleaser uses Go's names.
const systems = { darwin: 'darwin', linux: 'linux', windows: 'win32' };
const processors = { amd64: 'x64', arm64: 'arm64' };

// pack writes a package for each binary, and the one that people install. binaries maps platforms, such as linux-x64,
// to paths. It returns the paths of the packages: the one that people install last, because it needs the others to be
// published first.
export function pack(version, binaries, out) {
  mkdirSync(out, { recursive: true });
  const stage = mkdtempSync(join(tmpdir(), 'pointsync-npm-'));
  try {
    const packed = Object.entries(binaries).map(
      ([platform, binary]) => packFolder(platformFolder(stage, platform, binary, version), out),
    );
    return [...packed, packFolder(mainFolder(stage, version), out)];
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

function platformFolder(stage, platform, binary, version) {
  const name = `@pointsync/cli-${platform}`;
  if (!(name in manifest.optionalDependencies)) throw new Error(`package.json does not name ${name}`);
  const [os, cpu] = platform.split('-');
  const folder = join(stage, platform);
  mkdirSync(join(folder, 'bin'), { recursive: true });
  const program = join(folder, 'bin', os === 'win32' ? 'pointsync.exe' : 'pointsync');
  cpSync(binary, program);
  chmodSync(program, 0o755);
  const about = `The program of the package \`pointsync\` for ${os} on ${cpu}. Install \`pointsync\` instead.`;
  writeFileSync(join(folder, 'README.md'), `# ${name}\n\n${about}\n`);
  const { license, repository } = manifest;
  write(folder, {
    name, version, description: `pointsync for ${os} on ${cpu}`, license, repository, os: [os], cpu: [cpu],
    files: ['bin'], preferUnplugged: true,
  });
  return folder;
}

function mainFolder(stage, version) {
  const folder = join(stage, 'pointsync');
  for (const part of ['bin', 'README.md']) cpSync(join(home, part), join(folder, part), { recursive: true });
  const names = Object.keys(manifest.optionalDependencies);
  const optionalDependencies = Object.fromEntries(names.map((name) => [name, version]));
  write(folder, { ...manifest, version, optionalDependencies });
  return folder;
}

// write writes the manifest of a package, and its licence. A prerelease is published under another tag, so that
// `npx pointsync` does not run it.
function write(folder, content) {
  const publishConfig = { access: 'public', tag: content.version.includes('-') ? 'next' : 'latest' };
  cpSync(join(home, '../../../LICENSE'), join(folder, 'LICENSE'));
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ ...content, publishConfig }, null, 2)}\n`);
}

function packFolder(folder, out) {
  const args = ['pack', '--json', '--pack-destination', out];
  const run = spawnSync('npm', args, { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' });
  if (run.status !== 0) throw new Error(`npm pack failed in ${folder}: ${run.error ?? run.stderr}`);
  return join(out, JSON.parse(run.stdout)[0].filename.replace('@', '').replace('/', '-'));
}

// binariesIn returns the binaries that goreleaser lists in dist/artifacts.json, by platform.
function binariesIn(dist) {
  const binaries = {};
  for (const { type, goos, goarch, path } of JSON.parse(readFileSync(join(dist, 'artifacts.json'), 'utf8'))) {
    if (type === 'Binary') binaries[`${systems[goos]}-${processors[goarch]}`] = path;
  }
  const names = Object.keys(manifest.optionalDependencies);
  const missing = names.filter((name) => !binaries[name.replace('@pointsync/cli-', '')]);
  if (missing.length > 0) throw new Error(`${dist} has no binary for ${missing.join(', ')}`);
  return binaries;
}

if (process.argv[1] === import.meta.filename) {
  const dist = resolve(process.argv[2] ?? 'dist');
  const { version } = JSON.parse(readFileSync(join(dist, 'metadata.json'), 'utf8'));
  for (const file of pack(version, binariesIn(dist), join(dist, 'npm'))) console.log(file);
}
