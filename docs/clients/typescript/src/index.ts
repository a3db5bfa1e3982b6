import createFetchClient, { type Client } from 'openapi-fetch';
import { follow, type Session } from './follow.js';
import { problemOf, type Moving, type Paths, type Problem } from './problems.js';
import { exclusively, refresher } from './refresh.js';
import { NoAnswer, newKey, once, repeat, type Fetch } from './repeat.js';
import { memoryStorage, tokensIn, type TokenStorage } from './tokens.js';

export type { components } from './schema.js';
export { NoAnswer, memoryStorage, newKey, type Paths, type Problem, type Session, type TokenStorage };

export interface Options {
  /** Where the server is, such as `https://api.example.com`. */
  baseUrl: string;
  /** A service key, for your own backend. It takes the place of a login, and is never kept. An empty one is none. */
  key?: string;
  /** Where the tokens are kept. Without it: localStorage in a browser, the memory elsewhere. */
  storage?: TokenStorage;
  /** What the keys in the storage begin with. */
  name?: string;
  /** A fetch of your own, such as one with a proxy. */
  fetch?: (request: any, init?: any) => Promise<any>;
  /** Whether that fetch can read a response piece by piece. Without it: whether `Response` has a body. */
  streams?: boolean;
  /** How long one attempt may take. 10,000 ms. */
  timeoutMs?: number;
  /** How long a request is repeated. 30,000 ms. */
  patienceMs?: number;
  /** How often the session is read where there are no streams. 15,000 ms. */
  pollMs?: number;
  /** Called when the server says that the login has ended: show your login. */
  onEnd?: () => void;
}

export interface PointsyncClient extends Client<Paths> {
  /** Calls the listener with the session now and after each change. Returns a function that stops it. */
  follow(listener: (session: Session) => void): () => void;
  /** Ends the login. The tokens are gone at once; the result is whether the server knows it too. */
  logout(): Promise<boolean>;
  /** Whether a login is held here. Only the server knows whether it still lives. */
  loggedIn(): Promise<boolean>;
}

// Every POST that moves points or money. It does not compile if the contract has others.
const moving: Record<Moving, true> = {
  '/accounts/{account_id}/grants': true,
  '/accounts/{account_id}/holds': true,
  '/accounts/{account_id}/holds/{hold_id}/capture': true,
  '/accounts/{account_id}/holds/{hold_id}/release': true,
  '/accounts/{account_id}/spends': true,
  '/admin/accounts/{account_id}/corrections': true,
  '/admin/accounts/{account_id}/delete': true,
  '/admin/accounts/{account_id}/disable': true,
  '/admin/accounts/{account_id}/enable': true,
  '/admin/accounts/{account_id}/end-sessions': true,
  '/admin/accounts/{account_id}/grants': true,
  '/admin/accounts/{account_id}/sync': true,
  '/admin/accounts/{account_id}/unpark': true,
  '/checkout': true,
  '/points/holds': true,
  '/points/holds/{hold_id}/capture': true,
  '/points/holds/{hold_id}/release': true,
  '/points/spend': true,
  '/subscription/cancel': true,
  '/subscription/change': true,
  '/subscription/resume': true,
};

// Requests that carry no access token. A 401 of theirs says that the password is wrong, not that a token is old.
const open = /\/auth\/(register|register\/complete|login|exchange|refresh|logout)$/;

export function createClient(options: Options): PointsyncClient {
  const { name = 'pointsync', timeoutMs: timeout = 10_000, patienceMs: patience = 30_000, pollMs: every = 15_000, onEnd = () => {} } = options;
  const platform = globalThis as unknown as { fetch: Fetch; document?: object; localStorage: TokenStorage };
  const serviceKey = options.key || undefined; // an empty one is none
  const storage = serviceKey ? memoryStorage() : options.storage ?? (platform.document ? platform.localStorage : memoryStorage());
  const fetch: Fetch = options.fetch ?? ((request, init) => platform.fetch(request, init));
  const baseUrl = options.baseUrl.replace(/\/$/, '');
  const tokens = tokensIn(storage, name);
  const alone = exclusively(storage, name, timeout + 2000);
  const renew = refresher(tokens, alone, { baseUrl, fetch, timeout, patience, onEnd });

  // authorized sends with the held token, and once more after each 401 that a refresh may cure.
  const authorized = async (send: (token: string | undefined) => Promise<Response>): Promise<Response> => {
    for (let tries = 0; ; tries++) {
      const token = serviceKey ?? await tokens.access();
      const response = await send(token);
      if (response.status !== 401 || tries === 2 || !(await tokens.refresh())) return response;
      const refused = await renew(token);
      if (refused) return refused.clone(); // several callers may share it
    }
  };

  const send = async (request: Request): Promise<Response> => {
    const attempt = async (token?: string) => {
      const copy = request.clone();
      if (token) copy.headers.set('Authorization', `Bearer ${token}`);
      const { response, body } = await once(fetch, copy, timeout);
      await tokens.take(body);
      return response;
    };
    const key = request.headers.get('Idempotency-Key');
    const isSafe = key !== null || request.method === 'GET';
    const act = (token?: string) => isSafe ? repeat(() => attempt(token), patience, request.signal) : attempt(token);
    try {
      const response = await (open.test(request.url) ? act() : authorized(act));
      if (response.ok || /problem/.test(response.headers.get('Content-Type') ?? '')) return response;
      return new Response(JSON.stringify(problemOf(response.status)), { status: response.status, statusText: response.statusText });
    } catch (cause) {
      throw request.signal?.aborted ? cause : new NoAnswer(key, cause);
    }
  };

  const api = createFetchClient<Paths>({ baseUrl, fetch: send });
  api.use({
    onRequest({ request, schemaPath }) {
      if (request.method === 'POST' && schemaPath in moving && !request.headers.has('Idempotency-Key')) {
        request.headers.set('Idempotency-Key', newKey());
      }
    },
  });

  const loggedIn = async () => (await tokens.refresh()) !== undefined;
  return Object.assign(api, {
    loggedIn,
    follow: (listener: (session: Session) => void) => follow(listener, {
      streams: options.streams ?? 'body' in Response.prototype, silence: 4 * timeout, every, loggedIn, take: tokens.take,
      open: (lastEventID, signal) => authorized((token) => fetch(new Request(`${baseUrl}/session/stream`, {
        headers: {
          Accept: 'text/event-stream, application/problem+json',
          ...(token && { Authorization: `Bearer ${token}` }),
          ...(lastEventID !== undefined && { 'Last-Event-ID': lastEventID }),
        },
      }), { signal })),
      poll: async () => (await api.GET('/session')).data,
    }),
    async logout() {
      const held = await alone(async () => {
        const refresh = await tokens.refresh();
        await tokens.clear();
        return refresh;
      });
      if (!held) return true;
      const end = () => once(fetch, new Request(`${baseUrl}/auth/logout`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ refresh_token: held }),
      }), timeout);
      return repeat(async () => (await end()).response, patience).then(({ ok }) => ok, () => false);
    },
  });
}
