// The demo shop's client of the API: the session it holds, and how it asks. It is served in one piece with shop.js, and
// calls four functions of that: render, when the session held has changed; log, after each request; say, while it repeats;
// showEntries, when the stream told of a change.
//
// One rule keeps it current: wherever a JSON answer has a member `token`, problems included, it replaces the token held.
// The server's clock may be moved while one tries things, so nothing here compares the server's times with the browser's.
"use strict";

// ---- The session held ----------------------------------------------------------------------------------------------

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// sessionStorage, because it lives through the trip to the payment page, belongs to this tab alone and ends with it.
// localStorage would leave a refresh token on a shared computer for months. (A script injected into the page could read
// either; the Content-Security-Policy is what keeps such a script out.)
const load = (name) => JSON.parse(sessionStorage.getItem(name) ?? "null");
const save = (name, value) => sessionStorage.setItem(name, JSON.stringify(value));

let session = load("session"); // the members of a Session answer, or null when logged out

function claimsOf(token) {
  try {
    const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0))));
  } catch {
    return {};
  }
}

// hold takes over what an answer brings. Answers may overtake each other; the token's `ver` counts the changes of the
// account, so an answer that left the server earlier does not undo a later one. One with a refresh token is always
// taken: the refresh token held until then is used up.
function hold(answer) {
  if (!answer?.token) return;
  const late = session && claimsOf(answer.token).ver < claimsOf(session.token).ver;
  if (late && !answer.refresh_token) return;
  const next = { ...session };
  for (const name of ["token", "refresh_token", "user", "subscription", "points"]) {
    if (name in answer) next[name] = answer[name];
  }
  session = next;
  save("session", session);
  render();
}

// forget ends the session here. Keys of undecided requests stay: whoever logs in again asks the same question.
function forget() {
  unfollow();
  session = null;
  sessionStorage.removeItem("session");
  sessionStorage.removeItem("spent");
  render();
}

// ---- Asking the API ------------------------------------------------------------------------------------------------

// Failure is an answer that is not a success (status, problem), or no answer at all (status 0).
class Failure extends Error {
  constructor(status, problem, wait) {
    super(problem?.detail || problem?.title || (status ? `The server answered ${status}.` : "The server cannot be reached."));
    this.status = status;
    this.problem = problem;
    this.wait = wait; // milliseconds, from Retry-After
  }
  // Without an answer, or with a fault of the server, the request may have had its effect.
  get undecided() { return this.status === 0 || this.status === 401 || this.status === 429 || this.status >= 500; }
  get worthRepeating() { return this.status === 0 || this.status === 429 || this.status === 503; }
}

// send makes one request. It throws a Failure of status 0 when no whole answer came.
async function send(method, path, body, key, token) {
  const headers = { Accept: "application/json, application/problem+json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  if (key) headers["Idempotency-Key"] = key;
  let response, text;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store", signal: AbortSignal.timeout(20000) });
    text = await response.text();
  } catch {
    log(method, path, "no answer");
    throw new Failure(0);
  }
  log(method, path, response.status + (response.headers.get("Idempotent-Replayed") ? " (replayed)" : ""));
  let answer = null;
  try { answer = text ? JSON.parse(text) : null; } catch { /* a proxy's page, say: the status tells enough */ }
  return { status: response.status, ok: response.ok, answer, wait: 1000 * (Number(response.headers.get("Retry-After")) || 0) };
}

// call asks as the user who is logged in. On 401 it refreshes once and repeats.
async function call(method, path, body, key) {
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

// insist repeats a request that moves points or money until its outcome is known, always under the same key. Should the
// outcome stay unknown, the key is kept: pressing the button again asks the same question instead of a second one.
async function insist(path, body) {
  const name = `key ${path}`;
  const question = JSON.stringify(body);
  let intent = load(name);
  if (intent?.question !== question) intent = { question, key: newKey() };
  save(name, intent);
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await call("POST", path, body, intent.key);
      sessionStorage.removeItem(name);
      return answer;
    } catch (failure) {
      if (!failure.undecided) sessionStorage.removeItem(name);
      if (!failure.worthRepeating || attempt === 4) throw failure;
      say(`No definite answer yet. Asking again with the same key (${attempt} of 3)…`);
      await pause(Math.min(failure.wait || 400 * 2 ** attempt, 10000) * (0.75 + Math.random() / 2));
    }
  }
}

// randomUUID is missing where the page is served over plain http from another machine.
function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

// ---- Staying current -----------------------------------------------------------------------------------------------

// follow reads the session's stream while somebody is logged in: what another device, a renewal or a payment changes shows by itself.
// Where there is no stream nothing is missing, for every answer brings a token; so it never complains.
let following = null;

async function follow() {
  if (following) return;
  following = new AbortController();
  const mine = following.signal;
  for (let failures = 0; session && !mine.aborted;) {
    try {
      const reason = await readStream(mine);
      failures = 0;
      if (reason === "login_ended") await refresh(); // which says that it has ended, or that another tab has gone on
    } catch (failure) {
      if (failure.status === 401) await refresh().catch(() => {});
      failures++;
    }
    if (session && !mine.aborted) await pause(Math.min(1000 * 2 ** failures, 60000) * (0.75 + Math.random() / 2));
  }
}

function unfollow() {
  following?.abort();
  following = null;
}

// readStream reads one stream to its end and answers the reason that it gives.
async function readStream(left) {
  const silent = new AbortController(); // the server says something every 15 seconds, or is not there any more
  let watchdog = setTimeout(() => silent.abort(), 40000);
  try {
    const response = await fetch("/session/stream", {
      headers: { Accept: "text/event-stream, application/problem+json", Authorization: `Bearer ${session.token}`, "Last-Event-ID": String(claimsOf(session.token).ver) },
      cache: "no-store", signal: AbortSignal.any([left, silent.signal]),
    });
    if (!response.ok) throw new Failure(response.status);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = "", reason = ""; ;) {
      const { done, value } = await reader.read();
      if (done) return reason;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => silent.abort(), 40000);
      const events = (text + value).split("\n\n");
      text = events.pop(); // not whole yet
      for (const event of events) {
        const field = (name) => event.match(new RegExp(`^${name}: (.*)$`, "m"))?.[1];
        if (field("event") === "end") reason = JSON.parse(field("data")).reason;
        if (field("event") === "session" && !left.aborted) changed(JSON.parse(field("data")));
      }
    }
  } finally {
    clearTimeout(watchdog);
  }
}

// changed takes over a session that the stream tells, and shows the history anew where it is new here.
function changed(answer) {
  const before = claimsOf(session?.token ?? "").ver;
  hold(answer);
  if (claimsOf(answer.token).ver > before) showEntries().catch(() => {});
}

// ---- One refresh for all -------------------------------------------------------------------------------------------

// A refresh token works once, and using it twice ends the login. So parallel calls share one refresh, and tabs take
// turns: a duplicated tab starts with a copy of the session, and asks the others for the successor before it tries.
const tabs = "BroadcastChannel" in window ? new BroadcastChannel("pointsync") : null;
let refreshing = null;

function refresh() {
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
