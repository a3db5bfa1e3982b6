// Asking the API: one request, one as the user who is logged in, and one that is repeated under its key until its
// outcome is known.
import { drop, forget, hold, load, save, session } from "./session.js";

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// onRequest has a function called after each request, with its method, path and outcome.
let tell = () => {};
export const onRequest = (listener) => { tell = listener; };

// Failure is an answer that is not a success (status, problem), or no answer at all (status 0).
export class Failure extends Error {
  constructor(status, problem, wait) {
    super(problem?.detail || (status ? `The server answered ${status}.` : "The server cannot be reached."));
    this.title = problem?.title ?? "";
    this.status = status;
    this.problem = problem;
    this.wait = wait; // milliseconds, from Retry-After
  }
  // A change of the subscription that waits until the customer has paid at Stripe. Its key asks later how it stands.
  get unpaid() { return this.problem?.type === "/problems/payment-required" && Boolean(this.problem.payment_url); }
  // Without an answer, or with a fault of the server, the request may have had its effect.
  get undecided() { return this.status === 0 || this.status === 401 || this.status === 429 || this.status >= 500; }
  get worthRepeating() { return this.status === 0 || this.status === 429 || this.status === 503; }
}

// send makes one request. It throws a Failure of status 0 when no whole answer came.
export async function send(method, path, body, key, token) {
  const headers = { Accept: "application/json, application/problem+json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  if (key) headers["Idempotency-Key"] = key;
  let response, text;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store", signal: AbortSignal.timeout(20000) });
    text = await response.text();
  } catch {
    tell(method, path, "no answer");
    throw new Failure(0);
  }
  tell(method, path, response.status + (response.headers.get("Idempotent-Replayed") ? " (replayed)" : ""));
  let answer = null;
  try { answer = text ? JSON.parse(text) : null; } catch { /* a proxy's page, say: the status tells enough */ }
  return { status: response.status, ok: response.ok, answer, wait: 1000 * (Number(response.headers.get("Retry-After")) || 0) };
}

// call asks as the user who is logged in. On 401 it refreshes once and repeats.
export async function call(method, path, body, key) {
  const used = session?.token;
  let got = await send(method, path, body, key, used);
  if (got.status === 401 && used) {
    if (session?.token === used) await refresh(); // else another call has refreshed meanwhile
    got = await send(method, path, body, key, session?.token);
  }
  if (session) hold(got.answer); // not after logging out, or an answer under way would log in again
  if (!got.ok) throw new Failure(got.status, got.answer, got.wait);
  return got.answer;
}

// ---- Requests that move points or money ----------------------------------------------------------------------------

// insist repeats a POST that moves points or money until its outcome is known, always under the same key. Should the
// outcome stay unknown, the key is kept: pressing the button again asks the same question instead of a second one.
// waiting is called with a sentence each time it asks again.
export async function insist(path, body, waiting) {
  const name = `key ${path}`;
  const question = JSON.stringify(body ?? null);
  const user = session?.user?.id;
  let intent = load(name);
  if (intent?.question !== question || intent.user !== user) intent = { question, user, key: newKey() };
  save(name, intent);
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await call("POST", path, body, intent.key);
      drop(name);
      return answer;
    } catch (failure) {
      if (failure.unpaid) save(name, { ...intent, owed: failure.problem });
      else if (!failure.undecided) drop(name);
      if (!failure.worthRepeating || attempt === 4) throw failure;
      waiting(`No definite answer yet. Asking again with the same key (${attempt} of 3)…`);
      await pause(Math.min(failure.wait || 400 * 2 ** attempt, 10000) * (0.75 + Math.random() / 2));
    }
  }
}

// unpaidAt returns the user's request to path that waits for a payment at Stripe, {body, problem}, or null. To insist
// on it again tells how it stands.
export function unpaidAt(path) {
  const intent = load(`key ${path}`);
  if (!intent?.owed || intent.user !== session?.user?.id) return null;
  return { body: JSON.parse(intent.question) ?? undefined, problem: intent.owed };
}

// randomUUID is missing where the page is served over plain http from another machine.
function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

// ---- One refresh for all -------------------------------------------------------------------------------------------

// A refresh token works once, and using it twice ends the login. So parallel calls share one refresh, and tabs take
// turns: a duplicated tab starts with a copy of the session, and asks the others for the successor before it tries.
const tabs = "BroadcastChannel" in window ? new BroadcastChannel("pointsync") : null;
let refreshing = null;

export function refresh() {
  refreshing ??= inTurn(exchange).finally(() => { refreshing = null; });
  return refreshing;
}

function inTurn(work) {
  return navigator.locks ? navigator.locks.request("pointsync refresh", work) : work();
}

async function exchange() {
  const mine = session?.refresh_token;
  if (!mine) throw new Failure(401, { detail: "Please log in." });
  const successor = await askTabs(mine);
  if (successor && session) return hold(successor);
  const got = await send("POST", "/auth/refresh", { refresh_token: mine });
  if (session?.refresh_token !== mine) throw new Failure(401, { detail: "You are logged out." }); // meanwhile
  if (got.ok) {
    save("spent", [mine, ...(load("spent") ?? [])].slice(0, 50));
    return hold(got.answer);
  }
  if (got.status === 401) {
    forget();
    throw new Failure(401, { detail: "Your login has ended. Please log in again." });
  }
  throw new Failure(got.status, got.answer, got.wait);
}

function askTabs(mine) {
  if (!tabs) return null;
  return new Promise((done) => {
    const hear = ({ data }) => { if (data.answerTo === mine) finish(data.session); };
    const finish = (found) => { tabs.removeEventListener("message", hear); done(found); };
    tabs.addEventListener("message", hear);
    tabs.postMessage({ question: mine });
    setTimeout(finish, 150, null); // nobody else has it
  });
}

tabs?.addEventListener("message", ({ data }) => {
  if (session && data.question && load("spent")?.includes(data.question)) {
    tabs.postMessage({ answerTo: data.question, session });
  }
});
