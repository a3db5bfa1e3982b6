#!/usr/bin/env node
// Runs the pointsync program of this computer's system and processor, with the arguments, the input and the outputs of
// this process, and ends as it ends.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { constants } from 'node:os';

const name = `@pointsync/cli-${process.platform}-${process.arch}`;
const child = spawn(program(), process.argv.slice(2), { stdio: 'inherit' });

// The program stops its server in order and then ends; this process waits for that. Ctrl-C in a terminal goes to both,
// and a second SIGINT would change nothing. The program ends at once by SIGHUP, so a terminal that closes is a SIGTERM
// to it. On Windows a signal from here would kill the program at once; the console tells it of Ctrl-C itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  const forward = () => child.kill(signal === 'SIGINT' ? signal : 'SIGTERM');
  process.on(signal, process.platform === 'win32' ? () => {} : forward);
}
child.on('error', (error) => fail(`pointsync could not be started: ${error.message}`));
child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));

// program returns the path of the binary. npm installs the one package of the six that fits this computer.
function program() {
  try {
    return createRequire(import.meta.url).resolve(`${name}/bin/pointsync${process.platform === 'win32' ? '.exe' : ''}`);
  } catch {
    return fail(`pointsync needs the package ${name}, and it is not installed.
If npm was told to leave optional dependencies out, install again with --include=optional.
If node_modules or package-lock.json came from another computer, delete both and run npm install.
If there is no such package, build from source: go install github.com/pointsync/pointsync/cmd/pointsync@latest`);
  }
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
