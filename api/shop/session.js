// The session that the page shows: what the API said last of the account. It asks no one, and holds no refresh token:
// that is the client's.
//
// The server's clock may be moved while one tries things, so nothing here compares its times with the browser's.

// session has the members of a Session response, with the token's version and login. It is null when logged out, and
// undefined until that is known.
export let session;

// onSession has a function called now and whenever the session has changed.
const followers = [];

export function onSession(follower) {
  followers.push(follower);
  follower();
}

function change(next) {
  session = next;
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

// begin takes over the first response of a login.
export function begin(answer) {
  if (session) change(null); // of another login: what was shown of it is over
  change(merged({}, answer));
}

// hold takes over what a response brings, and reports whether it is newer. Responses may overtake each other; the
// token's `ver` counts the changes of the account, so an earlier one does not undo a later one. One that comes after a
// logout changes nothing.
export function hold(answer) {
  const { ver, sid } = claimsOf(answer?.token ?? "");
  if (!session || ver === undefined || sid !== session.sid || ver < session.ver) return false;
  const isNews = ver > session.ver;
  change(merged(session, answer));
  return isNews;
}

function merged(before, answer) {
  const { ver, sid } = claimsOf(answer.token);
  const next = { ...before, ver, sid };
  for (const name of ["token", "user", "subscription", "points"]) {
    if (name in answer) next[name] = answer[name];
  }
  return next;
}

// renew takes over a token that the client has for the same login, such as after a refresh.
export function renew(token) {
  const { ver, sid } = claimsOf(token);
  if (session && sid === session.sid && ver >= session.ver) change({ ...session, token });
}

// forget ends the session here. Keys of undecided requests stay: whoever logs in again asks the same question.
export const forget = () => change(null);
