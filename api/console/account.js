// The page of one account: what stands out, its points, what can be done, and its story.
import { actions } from "./actions.js";
import { read } from "./api.js";
import { logOf } from "./log.js";
import { byId, count, day, el, facts, money, say } from "./page.js";
import { badge, code, drawer, exactly, note, pages, panel, section, signed, stamp, table, title } from "./parts.js";
import { replayed } from "./system.js";
import { differs, why } from "./why.js";

export async function showAccount(view, id) {
  const again = async (said) => { // after an action: the same page, as it is now
    view.replaceChildren(...await everything(id, again));
    say(said);
    byId("told").focus();
  };
  view.replaceChildren(...await everything(id, again));
}

// everything returns the parts of the page. again is called with a sentence after each action.
async function everything(id, again) {
  const path = { account_id: id };
  const [account, { orders }, story, history] = await Promise.all([
    read("/admin/accounts/{account_id}", { path }),
    read("/admin/accounts/{account_id}/orders", { path, query: { limit: 20 } }),
    read("/admin/accounts/{account_id}/timeline", { path, query: { limit: 20 } }),
    timeline(path),
  ]);
  const stands = standsOut(why(account, orders, story));
  compare(path, stands);
  return [
    head(account), stands,
    el("div", { className: "two" },
      section("Now", slip(account, story.top_up)), section("What can be done", actions(account, again))),
    section("What happened, latest first", history), books(path, account),
  ];
}

function head(a) {
  const ids = [a.id, a.customer_id, a.external_id].filter(Boolean).map(code);
  const badges = [
    a.role === "admin" && badge("admin"), a.parked && badge("parked", "bad"), a.disabled && badge("disabled", "bad"),
    a.deleted && badge("deleted", "bad"),
  ].filter(Boolean);
  return title(a.email ?? a.external_id ?? a.id, el("p", { className: "badges" }, ...badges),
    el("p", { className: "ids" }, ...ids.flatMap((one) => [one, " "])));
}

// ---- What stands out -----------------------------------------------------------------------------------------------

function standsOut(sentences) {
  const list = el("ul", { className: "stands" }, ...sentences.map((text) => el("li", {}, text)));
  const state = el("p", { className: "hint", role: "status" }, "Comparing with Stripe…");
  return Object.assign(section("What stands out", panel(list, state)), { list, state });
}

// compare adds how the account differs from Stripe, as soon as Stripe has replied.
async function compare(path, { list, state }) {
  try {
    const { differences } = await read("/admin/accounts/{account_id}/drift", { path });
    list.append(...differences.map((d) => el("li", {}, differs(d))));
    state.textContent = differences.length > 0 ? "Sync now repairs most differences."
      : `The database and Stripe agree.${list.children.length ? "" : " Nothing stands out."}`;
  } catch (failure) {
    state.textContent = `Not compared with Stripe: ${failure.message}`;
  }
}

// ---- Now -----------------------------------------------------------------------------------------------------------

function slip(a, topUp) {
  const list = el("dl", { className: "facts" });
  facts(list, [
    ["Held", count(a.points.held)],
    ["Debt", count(a.points.debt)],
    ...plan(a.subscription),
    ...top(topUp),
    ["Last synced", a.last_synced_at ? exactly(a.last_synced_at) : "never"],
    ["Email verified", a.email_verified_at ? day(a.email_verified_at) : "no"],
    ["Registered", day(a.created_at)],
  ]);
  return el("div", { className: "slip" }, el("div", { className: "paper" },
    el("p", { className: "sum" }, el("strong", {}, count(a.points.available)), " points available"), list));
}

function plan(s) {
  if (!s) return [["Subscription", "none"]];
  return [
    ["Subscription", `${s.quantity > 1 ? `${s.quantity} × ` : ""}${s.plan}, ${s.status.replaceAll("_", " ")}`],
    [s.ends_at ? "It ends" : "Its period ends", day(s.ends_at ?? s.current_period_end)],
    ["Access until", s.until ? day(s.until) : "none"],
  ];
}

function top(up) {
  if (!up) return [["Top-up", "none"]];
  return [
    ["Top-up", `${up.status.replaceAll("_", " ")}: ${up.quantity} × ${up.pack} below ${count(up.threshold)}`],
    ["Top-ups this month", `${up.used_this_month} of ${up.monthly_limit}`],
  ];
}

// ---- The story -----------------------------------------------------------------------------------------------------

// An event in the story can be replayed from there.
const line = (m) => [
  stamp(m.at), el("span", {}, m.text.charAt(0).toUpperCase() + m.text.slice(1), el("small", {}, m.kind)),
  m.amount ? code(signed(m.amount)) : "", m.balance_after === null ? "" : code(count(m.balance_after)),
  m.kind === "event.received" && /^evt_/.test(m.ref) ? replayed(m.ref) : "",
];
const moments = [["When", "short"], ["What", "wide main"], ["Points", "num"], ["Balance", "num"], [""]];

const timeline = (path) => pages(moments, async (cursor) => {
  const page = await read("/admin/accounts/{account_id}/timeline", { path, query: { limit: 20, cursor } });
  return [page.moments, page.next_cursor];
}, line, "Nothing happened yet.");

// ---- The books -----------------------------------------------------------------------------------------------------

// list returns a drawer with one of the account's lists, whose pages have the items under a name.
const list = (heading, path, what, columns, row, none) => drawer(heading, () => pages(columns, async (cursor) => {
  const page = await read(`/admin/accounts/{account_id}/${what}`, { path, query: { cursor } });
  return [page[what], page.next_cursor];
}, row, none));

const by = ({ kind, key_id: key }) => (key ? el("span", {}, kind, el("small", {}, key)) : kind);

function books(path, account) {
  return section("The books",
    drawer("Lots of points", () => lotsOf(path)),
    list("Movements of points", path, "entries",
      [["When"], ["Kind"], ["By"], ["For", "wide"], ["Points", "num"], ["Balance", "num"]], (e) => [
        stamp(e.created_at), e.kind, by(e.by),
        [e.action && `${e.quantity} × ${e.action}`, e.description].filter(Boolean).join(", "),
        code(signed(e.amount)), code(count(e.balance_after)),
      ], "No points have moved."),
    list("Orders", path, "orders", [
      ["When"], ["What", "wide"], ["Price", "num"], ["Points", "num"], ["Status"],
    ], (o) => [
      stamp(o.created_at), el("span", {}, `${o.quantity} × ${o.item}`, el("small", {}, o.id)),
      code(money(o.amount, o.currency)), code(count(o.points)), badge(o.status, looks[o.status]),
    ], "Nothing was ordered."),
    list("Active holds", path, "holds", [["When"], ["For", "wide"], ["Points", "num"], ["Expires"]], (h) => [
      stamp(h.created_at), h.description || h.id, code(count(h.amount)), stamp(h.expires_at),
    ], "No points are set aside."),
    drawer("Sessions", () => sessionsOf(path)),
    drawer("What admins did", () => logOf(account.id)));
}

const looks = { fulfilled: "good", failed: "bad", paid: "bad" };

async function lotsOf(path) {
  const { lots } = await read("/admin/accounts/{account_id}/points", { path });
  if (lots.length === 0) return note("No lot has points.");
  return panel(table(
    [["Granted at"], ["From", "wide"], ["Granted", "num"], ["Left", "num"], ["Held", "num"], ["Expires"]],
    lots.map((l) => [
      stamp(l.created_at), l.source, code(count(l.granted)), code(count(l.remaining)), code(count(l.held)),
      l.expires_at ? stamp(l.expires_at) : "never",
    ])));
}

async function sessionsOf(path) {
  const { sessions } = await read("/admin/accounts/{account_id}/sessions", { path });
  if (sessions.length === 0) return note("No device is logged in.");
  return panel(table([["Device", "wide"], ["Logged in"], ["Last used"], ["Expires"]], sessions.map((s) =>
    [s.name || "without a name", stamp(s.created_at), stamp(s.last_used_at), stamp(s.expires_at)])));
}
