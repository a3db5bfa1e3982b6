// Points: the balance, spending, the history, how few are low, and what the token says of them.
import { client, insist, result } from "./api.js";
import { catalog, packOf, planOf } from "./catalog.js";
import { drawSteps } from "./chart.js";
import { byId, count, el, facts, onClick, onSubmit, say, when } from "./page.js";
import { claimsOf, onSession, session } from "./session.js";

onSession(() => {
  for (const name of ["available", "held", "debt"]) byId(name).textContent = count(session?.points?.[name] ?? 0);
  if (session) return showClaims(claimsOf(session.token));
  byId("entries").replaceChildren();
  drawSteps(byId("balance"), [], "");
  byId("receipt").hidden = true;
});

function showClaims(claims) {
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

// ---- Spending ------------------------------------------------------------------------------------------------------

const spend = byId("spend");
const actionOf = (id) => catalog.actions.find((action) => action.id === id);
const words = (id) => id.charAt(0).toUpperCase() + id.slice(1).replaceAll("_", " ");

// showActions fills the choice of what points are spent on, once the catalogue is there. The prices are the server's:
// the page names an action, and what it costs is shown, not sent.
export function showActions() {
  byId("action").replaceChildren(
    ...catalog.actions.map((a) => el("option", { value: a.id }, `${words(a.id)}, ${count(a.points)} points${a.per > 1 ? ` for ${a.per}` : ""}`)),
    ...(catalog.actions_only ? [] : [el("option", { value: "" }, "A number of points")]));
  showPrice();
}

function showPrice() {
  const action = actionOf(byId("action").value);
  byId("units-field").hidden = byId("units").disabled = !action;
  byId("amount-field").hidden = byId("amount").disabled = Boolean(action);
  byId("units").max = action?.max ?? "";
  byId("price").textContent = action ? `${count(action.points * Math.ceil(byId("units").value / action.per))} points` : "";
}

spend.addEventListener("input", showPrice);
spend.addEventListener("reset", () => setTimeout(showPrice)); // the fields are reset after the event

onSubmit(spend, async (form) => {
  const action = form.elements.action.value;
  const body = action ? { action, quantity: Number(form.elements.quantity.value) } : { amount: Number(form.elements.amount.value) };
  const description = form.elements.description.value.trim();
  if (description) body.description = description;
  const answer = await insist("/points/spend", body, (text) => say(text, form));
  byId("receipt").hidden = !answer.receipt; // a late repeat has none
  byId("receipt-claims").textContent = JSON.stringify(claimsOf(answer.receipt ?? ""), null, 2);
  say(`Spent ${count(answer.spend.amount)} points.` + (answer.stale ? " Stripe did not respond, so the database alone decided." : ""), form);
  await showEntries();
});

// ---- The history ---------------------------------------------------------------------------------------------------

let cursor = null;
let balances = []; // after each entry that the table shows, the oldest first

export async function showEntries(from) {
  const page = await result(client.GET("/points/entries", { params: { query: { limit: 10, cursor: from } } }));
  const rows = page.entries.map((e) => el("tr", {},
    el("th", { scope: "row" }, titleOf(e), el("small", {}, `${e.kind}, ${when(e.created_at)}`)),
    el("td", { className: `num ${e.amount < 0 ? "less" : "more"}` }, (e.amount < 0 ? "−" : "+") + count(Math.abs(e.amount))),
    el("td", { className: "num" }, count(e.balance_after))));
  if (from) byId("entries").append(...rows);
  else byId("entries").replaceChildren(...rows);
  balances = [...page.entries.map((e) => e.balance_after).reverse(), ...(from ? balances : [])];
  drawSteps(byId("balance"), balances, "Your balance");
  cursor = page.next_cursor;
  byId("older").hidden = !cursor;
  byId("no-entries").hidden = byId("entries").children.length > 0;
}

// titleOf says what an entry is for: of a purchase, what the item is called in the catalogue.
function titleOf({ description, action, quantity, kind }) {
  const item = planOf(description) ?? packOf(description);
  return item?.name ?? (description || (action ? `${words(action)} × ${quantity}` : words(kind)));
}

onClick(byId("older"), () => showEntries(cursor));

// ---- How few are low -----------------------------------------------------------------------------------------------

// Below the threshold the operator's own systems are told, which may write an email, say.
export async function showThreshold(answer = null) {
  const { points, default: usual } = answer ?? await result(client.GET("/points/threshold"));
  byId("low").value = points ?? "";
  byId("low-hint").textContent = usual ? `Empty is for the shop’s own choice, below ${count(usual)}; 0 is for never.` : "Empty is for never.";
}

onSubmit(byId("threshold"), async (form) => {
  const points = form.elements.points.value;
  const body = { points: points === "" ? null : Number(points) };
  await showThreshold(await result(client.PUT("/points/threshold", { body })));
  say("Saved.", form);
});
