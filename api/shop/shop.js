// The demo shop's page, from its beginning: who is logged in, and what is shown then. It shows answers and decides
// nothing.
//
// session.js holds what the API said last, client.js asks it, stream.js stays current. One file each knows a subject:
// points.js, checkout.js, subscription.js, topup.js, account.js. page.js builds elements and tells how things went.
import { confirmChange, enter, openLinks, showDevices } from "./account.js";
import { loadCatalog } from "./catalog.js";
import { showCatalog, watch } from "./checkout.js";
import { call, onRequest, send } from "./client.js";
import { byId, complain, el, onClick, onSubmit, say } from "./page.js";
import { showActions, showEntries, showThreshold } from "./points.js";
import { forget, onSession, session } from "./session.js";
import { follow, onNews } from "./stream.js";
import { lookAtOwed, showPlans } from "./subscription.js";
import { fillTopUp, showPacks, showTopUp } from "./topup.js";

onSession(() => {
  for (const id of ["account", "settings", "self", "books", "held-token", "who"]) byId(id).hidden = !session;
  byId("gate").hidden = session !== null;
  byId("email").textContent = session?.user?.email ?? "";
  if (session) return;
  document.querySelectorAll("form").forEach((form) => form.reset()); // what one typed is not the next one's
  document.querySelectorAll("section .told").forEach((place) => place.replaceChildren());
});

onRequest((method, path, outcome) => {
  byId("log").prepend(el("li", {}, el("code", {}, `${method} ${path}`), " ", el("span", {}, String(outcome))));
  while (byId("log").children.length > 12) byId("log").lastChild.remove();
});

onNews(() => all(showEntries(), showTopUp(), lookAtOwed()).catch(() => {})); // nobody asked, so nobody is told of a failure

const all = (...work) => Promise.all(work);

// ---- Coming and going ----------------------------------------------------------------------------------------------

onSubmit(byId("login"), async (form, button) => {
  const way = button.value === "register" ? "register" : "login";
  const entered = await enter(`/auth/${way}`, { email: form.elements.email.value.trim(), password: form.elements.password.value });
  if (!entered) return;
  say(way === "register" ? "Welcome. Your account is ready." : "You are logged in.");
  await arrive();
  await confirmChange();
});

onClick(byId("logout"), async () => {
  const token = session?.refresh_token;
  forget();
  say("You are logged out.");
  if (token) await send("POST", "/auth/logout", { refresh_token: token });
});

// arrive is what happens once someone is logged in: after logging in, and on every load of the page.
async function arrive() {
  follow();
  const orderID = new URLSearchParams(location.search).get("order_id");
  await all(orderID ? watch(orderID) : call("GET", "/session"), showEntries(), showThreshold(), fillTopUp(), showDevices(), lookAtOwed());
}

// ---- Beginning -----------------------------------------------------------------------------------------------------

async function open() {
  await loadCatalog();
  showCatalog();
  showPlans();
  showPacks();
  showActions();
}

addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); }); // back from the payment page
if (new URLSearchParams(location.search).has("cancelled")) {
  history.replaceState(null, "", "/");
  say("You left the payment page. Nothing was charged.");
}
open().then(() => session && arrive()).then(() => openLinks(arrive)).catch((failure) => complain(failure));
