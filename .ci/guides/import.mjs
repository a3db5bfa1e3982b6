// Walks docs/guides/import.md: makes the subscribers of another system at the local Stripe, and imports them with the
// page's commands. The page's ids are replaced by those of the local Stripe, and its cut-over by the clock's time.
import { spawnSync } from 'node:child_process';
import { must } from '../browser/chromium.mjs';

export async function walk({ guide, home, binary, stripe, data }) {
  const old = await oldSystem(stripe);
  const ids = { price_old: old.price, cus_ada: old.ada, cus_bob: old.bob, '2026-03-01T00:00:00Z': old.cutOver };
  const real = (text) => Object.entries(ids).reduce((all, [name, id]) => all.replaceAll(name, id), text);
  const run = (...words) => {
    const args = words.map((word) => word === '--dev' ? `--dev=${data}` : word);
    const { status, stdout, stderr } = spawnSync(binary, args, { cwd: home, encoding: 'utf8' });
    must(status === 0, `${words.join(' ')} ended with ${status}: ${stdout}${stderr}`);
    return stdout;
  };
  const operator = (beginning) => {
    const command = real(guide.command(`go run ./cmd/pointsync ${beginning}`));
    return run(...command.split(' ').slice(3));
  };

  must(operator('stripe adopt').includes('would change'), 'adopting asks first');
  must(operator('stripe adopt').includes('changed: pro_monthly'), 'the price is adopted');
  guide.cutOut(home, /balances/, real);
  must(/2 customers: 2 made.*\nNothing was changed/.test(operator('import')), 'the dry run names both');
  const said = operator('import');
  must(/2 customers: 2 made, .* 0 points granted, 290 as opening balances/.test(said), `the import says ${said}`);
  console.log('  ok  subscribers of another system are imported, and old money grants nothing');

  must(operator('stripe reconcile').includes('2 accounts compared, 0 differ'), 'the comparison finds no difference');
  must(operator('explain').includes('250 points available'), 'ada has her points');
  await control(stripe, 'clock', { advance_seconds: 32 * 86_400 });
  const compared = run('stripe', 'reconcile', 'u-1', '--dev');
  const story = run('explain', 'u-1', '--dev');
  must(story.includes('1450 points available'), `after the renewal: ${compared}${story}`);
  console.log('  ok  the next renewal brings the points of the plan');
}

// oldSystem makes a price, and two customers who have paid it for a month.
async function oldSystem(stripe) {
  const make = async (path, form) => {
    const response = await fetch(`${stripe}/v1/${path}`, {
      method: 'POST', body: new URLSearchParams(form), headers: { authorization: 'Bearer sk_test_x' },
    });
    const made = await response.json();
    must(response.ok, `${path}: ${JSON.stringify(made)}`);
    return made.id;
  };
  const product = await make('products', { name: 'The old plan' });
  const price = await make('prices', {
    product, currency: 'usd', unit_amount: 1500, 'recurring[interval]': 'month',
  });
  const subscriber = async (form) => {
    const customer = await make('customers', form);
    const card = await make('payment_methods/pm_card_visa/attach', { customer });
    await make('subscriptions', { customer, 'items[0][price]': price, default_payment_method: card });
    return customer;
  };
  const ada = await subscriber({ email: 'ada@old.example', 'metadata[external_id]': 'u-1' });
  const bob = await subscriber({ email: 'bob@old.example' });
  const { now } = await control(stripe, 'clock', { advance_seconds: 33 * 86_400 });
  return { price, ada, bob, cutOver: new Date(now).toISOString().replace(/\.\d+Z/, 'Z') };
}

async function control(stripe, page, body) {
  const response = await fetch(`${stripe}/_sandbox/${page}`, {
    method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' },
  });
  const answer = await response.json();
  must(response.ok, `${page}: ${JSON.stringify(answer)}`);
  return answer;
}
