// The session held: what the API said last of the account, kept for this tab. It asks nobody.
//
// One rule keeps it current: wherever a JSON answer has a member `token`, problems included, it replaces the token
// held. The server's clock may be moved while one tries things, so nothing here compares the server's times with the
// browser's.

// sessionStorage, because it lives through the trip to the payment page, belongs to this tab alone and ends with it.
// localStorage would leave a refresh token on a shared computer for months. (A script injected into the page could read
// either; the Content-Security-Policy is what keeps such a script out.)
export const load = (name) => JSON.parse(sessionStorage.getItem(name) ?? "null");
export const save = (name, value) => sessionStorage.setItem(name, JSON.stringify(value));
export const drop = (name) => sessionStorage.removeItem(name);

// session has the members of a Session answer, or is null when logged out. Who imports it sees what it is now.
export let session = load("session");

// onSession has a function called now and whenever the session held has changed.
const followers = [];

export function onSession(follower) {
  followers.push(follower);
  follower();
}

function change(next) {
  session = next;
  if (next) save("session", next);
  else drop("session");
  followers.forEach((follower) => follower());
}

export function claimsOf(token) {
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
export function hold(answer) {
  if (!answer?.token) return;
  const late = session && claimsOf(answer.token).ver < claimsOf(session.token).ver;
  if (late && !answer.refresh_token) return;
  const next = { ...session };
  for (const name of ["token", "refresh_token", "user", "subscription", "points"]) {
    if (name in answer) next[name] = answer[name];
  }
  change(next);
}

// forget ends the session here. Keys of undecided requests stay: whoever logs in again asks the same question.
export function forget() {
  drop("spent");
  change(null);
}
