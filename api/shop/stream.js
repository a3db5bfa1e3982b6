// Staying current: while someone is logged in and looks, the session's stream tells what another device, a renewal or a
// payment changes. Where there is no stream nothing is missing, for every answer brings a token; so it never complains.
import { Failure, pause, refresh } from "./client.js";
import { claimsOf, hold, onSession, session } from "./session.js";

// onNews has a function called when the stream told what was new here.
let tell = () => {};
export const onNews = (listener) => { tell = listener; };

let following = null;

export async function follow() {
  if (following || document.hidden) return;
  following = new AbortController();
  const mine = following.signal;
  for (let failures = 0; session && !mine.aborted;) {
    try {
      const reason = await readStream(mine);
      failures = 0;
      if (reason === "replaced") await pause(60000); // by a newer stream, which going on at once would replace in turn
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

onSession(() => { if (!session) unfollow(); });
document.addEventListener("visibilitychange", () => { // a browser opens few connections to one server, for all its tabs
  if (document.hidden) unfollow();
  else if (session) follow();
});

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

// changed takes over a session that the stream tells.
function changed(answer) {
  const before = claimsOf(session?.token ?? "").ver;
  hold(answer);
  if (claimsOf(answer.token).ver > before) tell();
}
