// Rule 2: one refresh for all callers and all tabs.
import { newKey, once, pause, repeat, type Fetch } from './repeat.js';
import type { TokenStorage, Tokens } from './tokens.js';

interface Platform { navigator?: { locks?: { request(name: string, work: () => Promise<void>): Promise<void> } } }

// exclusively returns a function that lets one piece of work at a time run, of all tabs. Where there are no Web Locks,
// a lease in the storage does it. It ends by itself when its holder has died. A storage cannot compare and set, so two
// may get the lease in rare cases; the server then forgives the second use of the refresh token.
export function exclusively(storage: TokenStorage, name: string, milliseconds: number) {
  const { locks } = (globalThis as Platform).navigator ?? {};
  const key = `${name}.lease`;
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (locks) {
      return new Promise<T>((resolve, reject) => {
        locks.request(key, async () => {
          await work().then(resolve, reject);
          await pause(200); // a write to localStorage reaches the other tabs a little later than a lock does
        }).catch(reject);
      });
    }
    const mine = newKey();
    const holder = async () => ((await storage.getItem(key)) ?? '').split(' ');
    for (const giveUp = Date.now() + milliseconds; ; await pause(50 + 50 * Math.random())) {
      const [owner, until] = await holder();
      if (owner && Date.now() < Number(until) && Date.now() < giveUp) continue;
      await storage.setItem(key, `${mine} ${Date.now() + milliseconds}`);
      await pause(50); // others that wrote at the same time have written now, and the last one has the lease
      if ((await holder())[0] === mine) break;
    }
    try {
      return await work();
    } finally {
      if ((await holder())[0] === mine) await storage.removeItem(key);
    }
  };
}

interface Options { baseUrl: string; fetch: Fetch; timeout: number; patience: number; onEnd: () => void }

// refresher returns a function that replaces a token that was refused. It returns undefined if there is a token to try
// now, and else the response that explains why not. If the network fails it throws, and the tokens stay.
export function refresher(tokens: Tokens, alone: ReturnType<typeof exclusively>, { baseUrl, fetch, timeout, patience, onEnd }: Options) {
  let running: Promise<Response | undefined> | undefined;
  const exchange = async (refused: string | undefined) => {
    const sent = await tokens.refresh();
    if (!sent || (await tokens.access()) !== refused) return undefined; // another caller was first
    const { response, body } = await once(fetch, new Request(`${baseUrl}/auth/refresh`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ refresh_token: sent }),
    }), timeout);
    if ((await tokens.refresh()) !== sent) return undefined; // logged out, or in again, in the meantime
    if (response.ok) {
      await tokens.take(body);
      return undefined;
    }
    if (response.status === 400 || response.status === 401) { // only this ends the login
      await tokens.clear();
      onEnd();
    }
    return response;
  };
  return (refused: string | undefined) => running ??= repeat(() => alone(() => exchange(refused)), patience)
    .finally(() => { running = undefined; });
}
