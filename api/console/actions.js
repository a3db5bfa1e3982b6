// The forms that act on an account. Each asks for a reason, which goes to the audit log.
import { decide } from "./api.js";
import { count, el } from "./page.js";
import { field, form, note, reason } from "./parts.js";

const read = "The customer reads it in their history.";
const kept = "For the audit log. The customer does not read it.";
const amount = () => field("Points", "amount",
  { type: "number", min: 1, max: 8796093022208, step: 1, required: true, inputMode: "numeric" });

// item returns one action that opens to its form.
const item = (name, text, made) => el("details", { className: "action" }, el("summary", {}, name), note(text), made);

// actions returns what can be done to an account as it is now. done is called with a sentence after each.
export function actions(account, done) {
  const on = { account_id: account.id };
  const simple = (name, button, look, text, path, said) =>
    item(name, text, form(button, look, [reason(kept)], async (values) => {
      await decide(`/admin/accounts/{account_id}/${path}`, on, values);
      await done(said);
    }));
  const moves = (name, look, text, path, fields, said) => item(name, text, form(name, look, fields, async (values) => {
    const body = { amount: Number(values.amount), reason: values.reason };
    if (values.expires) body.expires_at = new Date(values.expires).toISOString();
    const { points } = await decide(`/admin/accounts/{account_id}/${path}`, on, body);
    await done(`${count(body.amount)} points ${said}. ${count(points.available)} are available now.`);
  }));
  const expires = field("Expire at (optional)", "expires", { type: "datetime-local" });
  return el("div", { className: "panel actions" },
    account.parked ? simple("Unpark", "Let the grants through", "primary",
      "All grants that wait are made, however many points they are.", "unpark", "The grants were let through.") : "",
    simple("Sync now", "Ask Stripe now", "primary",
      "Fetches what Stripe knows of this customer and applies it. Paid points that are missing come.", "sync",
      "Stripe was asked."),
    moves("Grant points", "primary", "Gives points that were not bought. Debt is paid first.", "grants",
      [amount(), expires, reason(read)], "were granted"),
    moves("Take points away", "danger", "Corrects a mistake. It takes no more than is available, and makes no debt.",
      "corrections", [amount(), reason(read)], "were taken away"),
    simple("End all logins", "End all logins", "danger", "Every device has to log in again.", "end-sessions",
      "All logins were ended."),
    account.disabled
      ? simple("Enable", "Enable the account", "primary", "The customer can log in again.", "enable",
        "The account is enabled.")
      : simple("Disable", "Disable the account", "danger",
        "Its logins end at once, and it takes no spend, hold or purchase. Paid points are still granted.", "disable",
        "The account is disabled."));
}
