// Runs steps of `make` in lanes beside each other: node .ci/lanes.mjs 'client npm guides' 'attack sim race'. The steps
// of a lane run one after the other. A line says when a step begins. Its output is printed whole when it has ended, or
// as far as it came when a signal ends the run. A step that fails stops no other one. At the end a list says how long
// each step took, and which ones failed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { kill } from './dev.mjs';

const grace = 3_000; // milliseconds for the steps to end after a signal; CI soon follows it with SIGKILL
const lanes = process.argv.slice(2).map((steps) => steps.split(' '));
const running = new Set();
const ended = [];
let stopped = ''; // the signal that ends the run
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);

await Promise.all(lanes.map(async (steps) => {
  for (const name of steps) if (!stopped) ended.push(await run(name));
}));

console.log(`\n== ${now()} steps, in the order in which they ended`);
for (const { name, seconds, result } of ended) console.log(`${String(seconds).padStart(5)} s  ${name}${result}`);
const bad = ended.filter(({ result }) => result !== '').map(({ name }) => name);
if (stopped) {
  const left = lanes.flat().filter((name) => !ended.some((step) => step.name === name));
  console.error(`${stopped} ended the run. Steps that had not begun: ${left.join(', ') || 'none'}`);
}
if (bad.length > 0) console.error(`make check failed in: ${bad.join(', ')}`);
process.exitCode = bad.length > 0 || stopped ? 1 : 0;

// run runs one step, in a process group that can be ended with all that the step has started.
async function run(name) {
  const child = spawn('make', ['--no-print-directory', name], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const step = { name, begun: Date.now(), process: child, said: '' };
  console.log(`== ${now()} ${name} begins`);
  running.add(step);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => { step.said += text; });
  }
  const [code] = await once(child, 'close');
  running.delete(step);
  process.stdout.write(step.said);
  if (stopped) kill(-child.pid, 'SIGKILL'); // what closed its output and did not end
  const result = code === 0 ? '' : stopped ? ` ENDED BY ${stopped}` : ' FAILED';
  return { name, seconds: seconds(step), result };
}

// stop prints what the running steps have said, first of all, and ends them. What they say after that is printed when
// they have ended. A second signal changes nothing.
function stop(signal) {
  if (stopped) return;
  stopped = signal;
  for (const step of running) {
    console.log(`\n== ${now()} ${signal}: ${step.name} has run for ${seconds(step)} s, and said so far:`);
    process.stdout.write(step.said);
    step.said = '';
  }
  for (const { process: { pid } } of running) kill(-pid, 'SIGTERM');
  setTimeout(() => {
    for (const { process: { pid, stdout, stderr } } of running) {
      kill(-pid, 'SIGKILL');
      stdout.destroy(); // a process outside of the group may still hold them
      stderr.destroy();
    }
  }, grace).unref();
}

function seconds({ begun }) {
  return Math.round((Date.now() - begun) / 1000);
}

function now() {
  return new Date().toTimeString().slice(0, 8);
}
