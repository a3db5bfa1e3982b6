// Asking the API with pointsync's TypeScript client, which holds the tokens, refreshes them once for all tabs, and
// repeats what is safe to repeat. The console's login is apart from the shop's, also on one origin.
import { createClient, newKey } from "./client.js";
import { Failure, settled } from "./failure.js";

const name = "pointsync.admin"; // what the names of its items in localStorage begin with
let ended = () => {};

export const client = createClient({ baseUrl: location.origin, name, timeoutMs: 25_000, onEnd: () => ended() });

// onEnd has a function called when the server says that the login has ended.
export const onEnd = (listener) => { ended = listener; };

// Another tab has logged in or out: this one shows the same.
addEventListener("storage", ({ key, newValue, oldValue }) => {
  if (key === `${name}.refresh` && Boolean(newValue) !== Boolean(oldValue)) location.reload();
});

// result returns what a request of the client brought, and throws a Failure if that is no success.
export async function result(request) {
  const { data, error, response } = await settled(request);
  if (!response.ok) throw new Failure(response.status, error);
  return data;
}

export const read = (path, params = {}) => result(client.GET(path, { params }));

// decide makes a POST that acts. The client repeats it under its key until the outcome is known. If it stays unknown,
// the key is kept: pressing the button again asks the same question instead of a second one.
const keys = new Map();

export async function decide(path, params, body) {
  const question = JSON.stringify([path, params, body]);
  const key = keys.get(question) ?? newKey();
  keys.set(question, key);
  try {
    const header = { "Idempotency-Key": key };
    const data = await result(client.POST(path, { params: { path: params, header }, body }));
    keys.delete(question);
    return data;
  } catch (failure) {
    if (!failure.undecided) keys.delete(question);
    throw failure;
  }
}

// post makes a POST that takes no key: a repeat of it does no harm, and it is not repeated by itself.
export const post = (path, params, body) => result(client.POST(path, { params: { path: params }, body }));
