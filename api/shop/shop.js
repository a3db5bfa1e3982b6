// The demo shop's page, from its beginning: who is logged in, and what is shown then. It shows answers and decides
// nothing.
//
// client.js is pointsync's TypeScript client in one file, and api.js asks with it. session.js has what the API said
// last, stream.js stays current. One file each knows a subject: points.js, checkout.js, subscription.js, topup.js,
// account.js. page.js builds elements and tells how things went.
import { confirmChange, enter, openLinks, showDevices } from "./account.js";
import { leave, onEnd, onRequest, open } from "./api.js";
import { loadCatalog } from "./catalog.js";
import { showCatalog, watch } from "./checkout.js";
import { byId, complain, el, onClick, onSubmit, say } from "./page.js";
import { showActions, showEntries, showThreshold } from "./points.js";
import { onSession, session } from "./session.js";
import { follow, onNews } from "./stream.js";
import { lookAtOwed, showPlans } from "./subscription.js";
import { fillTopUp, showPacks, showTopUp } from "./topup.js";

onSession(() => {
  for (const id of ["account", "settings", "self", "books", "held-token", "who"]) byId(id).hidden = !session;
  byId("gate").hidden = session !== null; // not before it is known
  byId("email").textContent = session?.user?.email ?? "";
  if (session) return;
  document.querySelectorAll("form").forEach((form) => form.reset()); // what one typed is not the next one's
  document.querySelectorAll("section .told").forEach((place) => place.replaceChildren());
});

onRequest((method, path, outcome) => {
  byId("log").prepend(el("li", {}, el("code", {}, `${method} ${path}`), " ", el("span", {}, String(outcome))));
  while (byId("log").children.length > 12) byId("log").lastChild.remove();
});

onEnd(() => complain(new Error("Your login has ended. Please log in again.")));
onNews(() => all(showEntries(), showTopUp(), lookAtOwed()).catch(() => {})); // no one asked, so no one is told of a failure

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
  const left = leave();
  say("You are logged out.");
  await left;
});

// arrive is what happens once someone is logged in: after logging in, and on every load of the page.
async function arrive() {
  follow();
  const orderID = new URLSearchParams(location.search).get("order_id");
  await all(orderID && watch(orderID), showEntries(), showThreshold(), fillTopUp(), showDevices(), lookAtOwed());
}

// ---- Beginning -----------------------------------------------------------------------------------------------------

async function showShop() {
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
all(open(), showShop()).then(() => session && arrive()).then(() => openLinks(arrive)).catch((failure) => complain(failure));
