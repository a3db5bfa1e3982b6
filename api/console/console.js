// The admin console, from its beginning: who is logged in, and which page the address names.
//
// client.js is pointsync's TypeScript client in one file, and api.js asks with it. page.js builds elements and tells
// how things went, parts.js has what all pages are made of. One file each knows a page: find.js, account.js, system.js,
// log.js. why.js finds what stands out in an account, and actions.js has the forms that act.
import { client, onEnd, read } from "./api.js";
import { showAccount } from "./account.js";
import { showFind, showParked } from "./find.js";
import { showLog } from "./log.js";
import { byId, complain, el, onClick, onSubmit, say } from "./page.js";
import { showChecks, showDeliveries, showEvents, showJobs } from "./system.js";

const pages = [
  [/^#\/accounts\/(acc_[0-9a-z]{26})$/, showAccount, "#/"],
  [/^#\/parked$/, showParked],
  [/^#\/events$/, showEvents],
  [/^#\/deliveries$/, showDeliveries],
  [/^#\/jobs$/, showJobs],
  [/^#\/checks$/, showChecks],
  [/^#\/log$/, showLog],
  [/^/, showFind, "#/"],
];

// route shows the page that the address names. A page that was slow shows nothing any more once another was asked for.
let visit = 0;

async function route() {
  if (location.hash === "#main") return; // the link that skips to the content
  const mine = ++visit;
  const [pattern, show, room] = pages.find(([p]) => p.test(location.hash));
  for (const link of byId("rooms").children) {
    const here = link.getAttribute("href") === (room ?? location.hash);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  say("");
  const view = el("div", {});
  try {
    await show(view, pattern.exec(location.hash)[1]);
    if (mine !== visit) return;
    byId("view").replaceChildren(view);
    const title = view.querySelector("h1");
    document.title = `${title.textContent} – pointsync admin`;
    title.tabIndex = -1;
    title.focus();
  } catch (failure) {
    if (mine === visit) complain(failure);
  }
}

// ---- Coming and going ----------------------------------------------------------------------------------------------

function showGate(open) {
  for (const id of ["view", "rooms", "who"]) byId(id).hidden = open;
  byId("gate").hidden = !open;
  if (!open) return;
  byId("view").replaceChildren();
  byId("login").reset();
  document.title = "pointsync admin";
}

// arrive shows the console to an admin. Everyone else is told so, and logged out again.
async function arrive() {
  const { user } = await read("/session");
  try {
    await read("/admin/checks");
  } catch (failure) {
    if (failure.status !== 404) throw failure;
    await client.logout();
    showGate(true);
    const how = `pointsync user role ${user.email ?? user.id} admin`;
    throw new Error(`This account is not an admin. An operator makes it one with: ${how}`, { cause: failure });
  }
  byId("email").textContent = user.email ?? user.id;
  showGate(false);
  await route();
}

onSubmit(byId("login"), async (form) => {
  const { email, password } = form.elements;
  const { error } = await client.POST("/auth/login", { body: { email: email.value.trim(), password: password.value } });
  if (error) throw Object.assign(new Error(error.detail), { title: error.title, problem: error, status: error.status });
  await arrive();
});

onClick(byId("logout"), async () => {
  showGate(true);
  await client.logout();
  say("You are logged out.");
});

onEnd(() => {
  showGate(true);
  complain(new Error("Your login has ended. Please log in again."));
});

addEventListener("hashchange", () => { if (!byId("view").hidden) route(); });

async function begin() {
  if (await client.loggedIn()) await arrive();
  else showGate(true);
}

begin().catch((failure) => {
  showGate(true);
  complain(failure);
});
