// Staying current: while a customer is logged in and looks, the client follows the session. So what another device, a
// renewal or a payment changes shows without a reload. It never complains: every response brings a token, too.
import { client } from "./api.js";
import { hold, onSession, session } from "./session.js";

// onNews has a function called when the session brought what was new here.
let tell = () => {};
export const onNews = (listener) => { tell = listener; };

let stop = null;

export function follow() {
  if (stop || !session || document.hidden) return;
  stop = client.follow((next) => { if (hold(next)) tell(); });
}

function unfollow() {
  stop?.();
  stop = null;
}

onSession(() => { if (!session) unfollow(); });
document.addEventListener("visibilitychange", () => { // a browser opens few connections to one server, for all its tabs
  if (document.hidden) unfollow();
  else follow();
});
