// Runs steps of `make` in lanes beside each other: node .ci/lanes.mjs 'client npm guides' 'attack sim race'. The steps
// of a lane run one after the other. Each step's output is printed whole when the step has ended. A step that fails
// stops no other one. At the end a list says how long each step took, and which ones failed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const lanes = process.argv.slice(2).map((steps) => steps.split(' '));
const running = new Set();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    running.forEach((step) => step.kill(signal));
    process.exit(1);
  });
}

const ended = [];
await Promise.all(lanes.map(async (steps) => { for (const name of steps) ended.push(await run(name)); }));

console.log(`\n== ${new Date().toTimeString().slice(0, 8)} steps, in the order in which they ended`);
for (const { name, seconds, passed } of ended) console.log(`${String(seconds).padStart(5)} s  ${name}${passed ? '' : ' FAILED'}`);
const failed = ended.filter(({ passed }) => !passed).map(({ name }) => name);
if (failed.length > 0) console.error(`make check failed in: ${failed.join(', ')}`);
process.exitCode = failed.length > 0 ? 1 : 0;

// run runs one step, and prints what it said.
async function run(name) {
  const begun = Date.now();
  const step = spawn('make', ['--no-print-directory', name], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(step);
  let said = '';
  for (const stream of [step.stdout, step.stderr]) stream.setEncoding('utf8').on('data', (text) => { said += text; });
  const [code] = await once(step, 'close');
  running.delete(step);
  process.stdout.write(said);
  return { name, seconds: Math.round((Date.now() - begun) / 1000), passed: code === 0 };
}
