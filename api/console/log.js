// The audit log: who did what, to what, and why.
import { read } from "./api.js";
import { accountLink, code, note, pages, section, signed, stamp, title } from "./parts.js";

const words = {
  grant: "granted points", correction: "took points away", role: "changed the role", unpark: "let grants through",
  disable: "disabled", enable: "enabled", delete: "deleted", sync: "asked Stripe", end_sessions: "ended all logins",
  replay: "replayed an event", "webhook.add": "added an endpoint", "webhook.change": "changed an endpoint",
  "webhook.roll": "rolled an endpoint's secret", "webhook.remove": "removed an endpoint",
  "key.create": "made a service key", "key.revoke": "revoked a service key",
};

const who = ({ kind, id, email }) => (kind === "command_line" ? "the command line" : email ?? code(id));

// logOf returns the log of one account, or of everything.
export function logOf(account) {
  const to = account ? [] : [["To"]];
  const columns = [["When"], ["Who"], ["Did", "short"], ["Points", "num"], ...to, ["Why", "wide"]];
  return pages(columns, async (cursor) => {
    const page = await read("/admin/actions", { query: { account_id: account, cursor } });
    return [page.actions, page.next_cursor];
  }, (a) => [
    stamp(a.created_at), who(a.by), words[a.action] ?? a.action, a.amount === null ? "" : code(signed(a.amount)),
    ...(account ? [] : [a.account_id ? accountLink(a.account_id) : code(a.subject)]),
    (a.subject && a.account_id ? `${a.subject}: ` : "") + a.reason,
  ], account ? "No admin has done anything to this account." : "No admin has done anything yet.");
}

export async function showLog(view) {
  view.append(title("Audit log"), section("What admins did, latest first",
    note("Written together with each action. Nothing here can be changed or deleted."), await logOf()));
}
