// Asking the API with pointsync's TypeScript client, which holds the tokens, refreshes them once for all tabs, repeats
// what is safe to repeat, and follows the session. client.js is that client in one file.
import { createClient, newKey } from "./client.js";
import { Failure, settled } from "./failure.js";
import { begin, claimsOf, forget, hold, renew, session } from "./session.js";

const heldToken = "pointsync.token"; // where the client keeps the access token

// The tokens are in localStorage, so that they live through the trip to the payment page, and all tabs share one login.
// Logging out removes them. (A script injected into the page could read them; the Content-Security-Policy is what keeps
// such a script out.)
const storage = {
  getItem: (name) => localStorage.getItem(name),
  removeItem: (name) => localStorage.removeItem(name),
  setItem(name, value) {
    localStorage.setItem(name, value);
    if (name === heldToken) renew(value);
  },
};

// onRequest has a function called after each request, with its method, path and outcome. onEnd has one called when the
// server says that the login has ended.
let tell = () => {};
let ended = () => {};
export const onRequest = (listener) => { tell = listener; };
export const onEnd = (listener) => { ended = listener; };

export const client = createClient({
  baseUrl: location.origin,
  storage,
  onEnd() {
    forget();
    ended();
  },
  async fetch(request, init) {
    const { pathname, search } = new URL(request.url);
    try {
      const response = await fetch(request, init);
      const replayed = response.headers.get("Idempotent-Replayed") ? " (replayed)" : "";
      tell(request.method, pathname + search, response.status + replayed);
      return response;
    } catch (error) {
      if (!init?.signal?.aborted) tell(request.method, pathname + search, "no answer");
      throw error;
    }
  },
});

// Another tab has logged in or out: this one shows the same.
addEventListener("storage", ({ key, newValue }) => {
  if (key === heldToken && claimsOf(newValue ?? "").sid !== session?.sid) location.reload();
});

// result returns what a request of the client brought, and throws a Failure if that is no success.
export async function result(request) {
  const { data, error, response } = await settled(request);
  hold(data ?? error); // an error may bring the points and a token, too
  if (!response.ok) throw new Failure(response.status, error);
  return data;
}

// open begins the session of a login that the client holds. It returns false if it holds none.
export async function open() {
  if (await client.loggedIn()) begin(await result(client.GET("/session")));
  else forget();
  return Boolean(session);
}

// leave ends the login, here and at the server.
export function leave() {
  forget();
  return client.logout();
}

// ---- Requests that move points or money ----------------------------------------------------------------------------

// These keys are of this tab: another one may ask a question of its own at the same time.
const load = (name) => JSON.parse(sessionStorage.getItem(name) ?? "null");
const save = (name, value) => sessionStorage.setItem(name, JSON.stringify(value));
const drop = (name) => sessionStorage.removeItem(name);

// insist makes a POST that moves points or money. The client repeats it under its key until the outcome is known. If it
// stays unknown, the key is kept, also over a reload: pressing the button again asks the same question instead of a
// second one. waiting is called with a sentence if it takes long.
export async function insist(path, body, waiting) {
  const name = `key ${path}`;
  const question = JSON.stringify(body ?? null);
  const user = session?.user?.id;
  let intent = load(name);
  if (intent?.question !== question || intent.user !== user) intent = { question, user, key: newKey() };
  save(name, intent);
  const timer = setTimeout(() => waiting("No definite answer yet. Asking again with the same key…"), 3000);
  try {
    const answer = await result(client.POST(path, { body, params: { header: { "Idempotency-Key": intent.key } } }));
    drop(name);
    return answer;
  } catch (failure) {
    if (failure.unpaid) save(name, { ...intent, owed: failure.problem });
    else if (!failure.undecided) drop(name);
    throw failure;
  } finally {
    clearTimeout(timer);
  }
}

// unpaidAt returns the user's request to path that waits for a payment at Stripe, {body, problem}, or null. To insist
// on it again tells how it stands.
export function unpaidAt(path) {
  const intent = load(`key ${path}`);
  if (!intent?.owed || intent.user !== session?.user?.id) return null;
  return { body: JSON.parse(intent.question) ?? undefined, problem: intent.owed };
}
