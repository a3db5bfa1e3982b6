// Finding accounts: by what a customer or Stripe calls them, and those that are parked.
import { read } from "./api.js";
import { count, el, onSubmit, say } from "./page.js";
import { accountLink, badge, code, field, note, pages, section, stamp, title } from "./parts.js";

// asked returns the query for what was typed: an id says by its beginning what it names.
function asked(text) {
  if (/^cus_/.test(text)) return { customer_id: text };
  if (text.includes("@")) return { email: text };
  return { external_id: text };
}

export async function showFind(view) {
  const search = el("form", { className: "panel search", method: "get" },
    field("Email, account, Stripe customer or external id", "q",
      { type: "search", required: true, maxLength: 255, autocomplete: "off", spellcheck: false },
      "For example ada@example.com, acc_…, cus_… or your own id of a user."),
    el("div", {}, el("button", { type: "submit", className: "primary" }, "Find")));
  const found = section("Find", search);
  onSubmit(search, async () => {
    const text = search.elements.q.value.trim();
    if (/^acc_[0-9a-z]{26}$/.test(text)) {
      location.hash = `#/accounts/${text}`;
      return;
    }
    const { accounts } = await read("/admin/accounts", { query: asked(text) });
    if (accounts.length === 0) say(`No account has ${text}.`, search);
    else location.hash = `#/accounts/${accounts[0].id}`;
  });
  const { accounts } = await read("/admin/accounts", { query: { parked: true, limit: 5 } });
  const waits = accounts.length === 0 ? note("No account is parked.")
    : el("p", {}, badge("parked", "bad"), " Grants of accounts wait for a person: ",
      el("a", { href: "#/parked" }, "see them"), ".");
  view.append(title("Accounts"), found, section("Waiting for you", waits));
}

export async function showParked(view) {
  const list = await pages([["Account", "wide"], ["Since"], ["Why", "wide"], ["Points", "num"]], async (cursor) => {
    const page = await read("/admin/accounts", { query: { parked: true, cursor } });
    return [page.accounts, page.next_cursor];
  }, (a) => [accountLink(a.id, a.email ?? a.external_id ?? a.id), stamp(a.parked.since), a.parked.reason,
    code(count(a.points.available))], "No account is parked. All grants came through.");
  view.append(title("Parked accounts"), section("Grants that wait",
    note("More would be granted within a day than the operator's limits allow. Open an account to let it go."), list));
}
