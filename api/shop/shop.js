
// The demo shop's page: it shows answers and decides nothing. client.js stands before it.

const byId = (id) => document.getElementById(id);

// ---- What the buttons do -------------------------------------------------------------------------------------------

// act runs what a button asks for, with the button out of use meanwhile, and reports how it failed.
async function act(button, work) {
  if (button?.getAttribute("aria-disabled") === "true") return;
  if (button) hush();
  button?.setAttribute("aria-disabled", "true"); // not `disabled`, which would drop the keyboard's focus
  try {
    await work();
  } catch (failure) {
    complain(failure);
  } finally {
    button?.removeAttribute("aria-disabled");
  }
}

async function enter(form, way) {
  const body = { email: form.email.value.trim(), password: form.password.value };
  const got = await send("POST", `/auth/${way}`, body);
  if (!got.ok) throw new Failure(got.status, got.answer, got.wait);
  form.reset();
  hold(got.answer);
  say(way === "register" ? "Welcome. Your account is ready." : "You are logged in.");
  await arrive();
}

async function leave() {
  const token = session?.refresh_token;
  forget();
  say("You are logged out.");
  if (token) await send("POST", "/auth/logout", { refresh_token: token });
}

async function buy(item, quantity) {
  const body = { item, success_url: `${location.origin}/?order_id={ORDER_ID}`, cancel_url: `${location.origin}/?cancelled=1` };
  if (quantity > 1) body.quantity = quantity;
  const { order, url } = await insist("/checkout", body);
  if (url) return go(url);
  await watch(order.id);
}

async function openPortal() {
  const { url } = await call("POST", "/portal", { return_url: `${location.origin}/` });
  go(url);
}

function go(url) {
  if (!/^https?:\/\//.test(url)) throw new Error("The server named no page to go to.");
  location.assign(url);
}

async function spend(form) {
  const body = { amount: Number(form.amount.value) };
  if (form.description.value.trim()) body.description = form.description.value.trim();
  const answer = await insist("/points/spend", body);
  say(`Spent ${count(answer.spend.amount)} points.` + (answer.stale ? " Stripe did not answer, so the database alone decided." : ""));
  await showEntries();
}

// watch asks for an order until it is no longer pending. The server syncs a pending order from Stripe at each question,
// so this does not wait for Stripe's webhook.
async function watch(orderID) {
  for (let attempt = 0; attempt < 10; attempt++) {
    const { order } = await call("GET", `/checkout/${encodeURIComponent(orderID)}`);
    if (order.status !== "pending") return settled(order);
    say("Waiting for the payment to be confirmed…");
    await pause(Math.min(400 * 1.6 ** attempt, 5000));
  }
  say("The payment is not confirmed yet. Reload this page to look again.");
}

async function settled(order) {
  history.replaceState(null, "", "/"); // a reload must not tell the story again
  const points = `${count(order.points)} points`;
  if (order.status === "fulfilled") say(`Thank you. The order is paid${order.points ? ` and brings ${points}` : ""}.`);
  else if (order.status === "paid") say(`Thank you. The order is paid; its ${points} are on their way.`);
  else complain(new Error({ expired: "The payment page ran out before it was paid. Nothing was charged.",
    refunded: "This order was refunded." }[order.status] ?? "The payment failed. Nothing was charged."));
  await showEntries();
}

// ---- Showing -------------------------------------------------------------------------------------------------------

// el builds elements and puts strings in as text, so whatever an answer holds, it cannot become markup.
function el(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

const count = (points) => points.toLocaleString("en");
const when = (time) => new Date(time).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });

// Decimals follow Stripe's documentation on currencies, which differs from the browser's tables here and there.
function money(amount, currency) {
  const code = currency.toUpperCase();
  let decimals = 2;
  if ("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".includes(code)) decimals = 0;
  if ("BHD JOD KWD OMR TND".includes(code)) decimals = 3;
  return (amount / 10 ** decimals).toLocaleString("en", { style: "currency", currency: code, minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

function say(text) {
  byId("status").textContent = text;
  byId("status").hidden = false;
}

function hush() {
  byId("status").hidden = true;
  byId("alert").hidden = true;
}

function complain(failure) {
  hush();
  const box = byId("alert");
  const errors = (failure.problem?.errors ?? []).map((e) => el("li", {}, `${e.pointer.replace("/", "")}: ${e.message}`));
  const id = failure.status >= 500 && failure.problem?.request_id;
  box.replaceChildren(el("p", {}, el("strong", {}, failure.status === 402 ? "Not enough points. " : ""), failure.message, id ? ` (request ${id})` : ""));
  if (errors.length) box.append(el("ul", {}, ...errors));
  box.hidden = false;
  box.focus();
}

function log(method, path, outcome) {
  byId("log").prepend(el("li", {}, el("code", {}, `${method} ${path}`), " ", el("span", {}, String(outcome))));
  while (byId("log").children.length > 12) byId("log").lastChild.remove();
}

function facts(list, rows) {
  list.replaceChildren(...rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, String(value)))));
}

// render shows the session held; it asks nobody.
function render() {
  const inside = session !== null;
  for (const id of ["account", "books", "who"]) byId(id).hidden = !inside;
  byId("gate").hidden = inside;
  document.querySelectorAll(".goods :is(button, .field)").forEach((part) => { part.hidden = !inside; });
  if (!inside) return byId("entries").replaceChildren();
  byId("email").textContent = session.user?.email ?? "";
  for (const name of ["available", "held", "debt"]) byId(name).textContent = count(session.points?.[name] ?? 0);
  const s = session.subscription;
  facts(byId("subscription"), s ? [
    ["Plan", s.plan || "not in the catalogue"],
    ["Status", s.status.replaceAll("_", " ") + (s.cancel_at_period_end ? ", ends with the period" : "")],
    ["From", s.from ? when(s.from) : "no access"],
    ["Until", s.until ? when(s.until) : "no access"],
  ] : [["Plan", "none"]]);
  const claims = claimsOf(session.token);
  const stamp = (seconds) => (seconds ? when(seconds * 1000) : "–");
  const inWindow = claims.subscription?.from <= claims.iat && claims.iat < claims.subscription?.until;
  facts(byId("claims"), [
    ["Version of the account", claims.ver ?? "–"],
    ["Points", claims.points ?? "–"],
    ["Subscription", claims.subscription ? `${claims.subscription.plan}, ${claims.subscription.status}` : "none"],
    ["Window", claims.subscription?.until ? `${stamp(claims.subscription.from)} to ${stamp(claims.subscription.until)}` : "none"],
    ["A spend when it was new", inWindow ? "inside the window: debited at once" : "outside the window: Stripe is asked first"],
    ["Made", stamp(claims.iat)],
    ["Runs out", stamp(claims.exp)],
  ]);
  byId("raw").textContent = JSON.stringify(claims, null, 2);
}

function showCatalog({ plans, packs }) {
  const goods = [
    ...plans.map((p) => good(p, `every ${p.interval}`, p.trial_days ? `${p.trial_days} days free` : "", "Subscribe")),
    ...packs.map((p) => good(p, "once", "", "Buy")),
  ];
  byId("catalog").replaceChildren(...(goods.length ? goods : [el("p", { className: "empty" }, "Nothing is for sale.")]));
  byId("catalog").setAttribute("aria-busy", "false");
  render();
}

function good(item, rhythm, trial, verb) {
  const button = el("button", { type: "button", className: "primary" }, verb, el("span", { className: "unseen" }, ` ${item.name}`));
  const parts = [
    el("h3", {}, item.name),
    el("p", { className: "yield" }, el("strong", {}, count(item.points)), " points"),
    el("p", { className: "cost" }, money(item.amount, item.currency), el("span", {}, ` ${rhythm}`)),
    el("p", { className: "hint" }, [item.description, trial].filter(Boolean).join(" ")),
  ];
  let quantity = null;
  if (item.max_quantity > 1) {
    const id = `quantity-${item.id}`;
    quantity = el("input", { id, type: "number", inputMode: "numeric", min: 1, max: item.max_quantity, step: 1, value: 1 });
    parts.push(el("div", { className: "field" }, el("label", { htmlFor: id }, "How many"), quantity));
  }
  button.addEventListener("click", () => {
    if (!quantity || quantity.reportValidity()) act(button, () => buy(item.id, Number(quantity?.value ?? 1)));
  });
  return el("article", { className: "panel good" }, ...parts, button);
}

let cursor = null;

async function showEntries(from = null) {
  const page = await call("GET", `/points/entries?limit=10${from ? `&cursor=${encodeURIComponent(from)}` : ""}`);
  const rows = page.entries.map((e) => el("tr", {},
    el("th", { scope: "row" }, e.description || e.kind, el("small", {}, `${e.kind}, ${when(e.created_at)}`)),
    el("td", { className: `num ${e.amount < 0 ? "less" : "more"}` }, (e.amount < 0 ? "−" : "+") + count(Math.abs(e.amount))),
    el("td", { className: "num" }, count(e.balance_after))));
  if (from) byId("entries").append(...rows);
  else byId("entries").replaceChildren(...rows);
  cursor = page.next_cursor;
  byId("older").hidden = !cursor;
  byId("no-entries").hidden = byId("entries").children.length > 0;
}

// ---- Beginning -----------------------------------------------------------------------------------------------------

// arrive is what happens once someone is logged in: after logging in, and on every load of the page.
async function arrive() {
  follow();
  const orderID = new URLSearchParams(location.search).get("order_id");
  if (orderID) return watch(orderID);
  await Promise.all([call("GET", "/session"), showEntries()]);
}

byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  act(event.submitter, () => enter(event.target, event.submitter?.value === "register" ? "register" : "login"));
});
byId("spend").addEventListener("submit", (event) => {
  event.preventDefault();
  act(event.submitter ?? event.target.querySelector("button"), () => spend(event.target));
});
byId("logout").addEventListener("click", (event) => act(event.currentTarget, leave));
byId("portal").addEventListener("click", (event) => act(event.currentTarget, openPortal));
byId("older").addEventListener("click", (event) => act(event.currentTarget, () => showEntries(cursor)));
document.addEventListener("visibilitychange", () => { // a browser opens few connections to one server, for all its tabs
  if (document.hidden) unfollow();
  else if (session) follow();
});
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); }); // back from the payment page

render();
act(null, async () => showCatalog(await call("GET", "/catalog")));
if (new URLSearchParams(location.search).has("cancelled")) {
  history.replaceState(null, "", "/");
  say("You left the payment page. Nothing was charged.");
}
if (session) act(null, arrive);
