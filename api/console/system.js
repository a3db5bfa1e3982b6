// Pages about the whole system: Stripe's events, deliveries to your own endpoints, jobs and checks.
import { post, read } from "./api.js";
import { count, el, facts, onClick } from "./page.js";
import { accountLink, act, badge, code, note, pages, panel, section, stamp, table, title } from "./parts.js";

// ---- Events of Stripe's --------------------------------------------------------------------------------------------

const looks = { pending: "bad", processed: "good", ignored: "" };

// replayed returns a button that processes an event again.
export const replayed = (id) => act("Replay", "Why it is processed again.", async (reason, place) => {
  await post("/admin/events/{stripe_event_id}/replay", { stripe_event_id: id }, { reason });
  place.replaceChildren(badge("waits for its sync", "good"));
});

const eventRow = (e) => [stamp(e.received_at),
  el("span", {}, e.type, el("small", {}, `${e.object_type} ${e.object_id}`), el("small", {}, e.id)),
  e.account_id ? accountLink(e.account_id, "account") : "", badge(e.status, looks[e.status]),
  [e.reason, e.last_error && `failed ${e.attempts} times: ${e.last_error}`].filter(Boolean).join("; "), replayed(e.id)];

async function eventsWith(status, none) {
  const columns = [["Received", "short"], ["Event", "main"], ["Account"], ["Status"], ["Why", "wide"], [""]];
  return pages(columns, async (cursor) => {
    const page = await read("/admin/events", { query: { status, cursor } });
    return [page.events, page.next_cursor];
  }, eventRow, none);
}

export async function showEvents(view) {
  view.append(title("Stripe events"),
    section("Pending", note("They wait for a sync of their account. One that failed is tried again without end."),
      await eventsWith("pending", "No event waits.")),
    section("All, last received first", await eventsWith(undefined, "Stripe has sent no event yet.")));
}

// ---- Deliveries to your own endpoints ------------------------------------------------------------------------------

const undone = { pending: "Waiting", failed: "Given up" };

const tries = [["Written"], ["Event"], ["Account"], ["Attempts", "num"], ["Next try"], ["Last error", "wide"], [""]];

const nextTry = (d) => (d.next_attempt_at ? stamp(d.next_attempt_at) : "at once");

const deliveriesOf = (hook, status) => pages(tries, async (cursor) => {
  const params = { path: { webhook_id: hook.id }, query: { status, cursor } };
  const page = await read("/admin/webhooks/{webhook_id}/deliveries", params);
  return [page.deliveries, page.next_cursor];
}, (d) => [
  stamp(d.created_at), d.type, d.account_id ? accountLink(d.account_id, "account") : "", code(String(d.attempts)),
  status === "failed" ? "" : nextTry(d), d.last_error, resent(hook, d),
], "None.");

function resent(hook, delivery) {
  const button = el("button", { type: "button" }, "Send again");
  onClick(button, async () => {
    const path = { webhook_id: hook.id, event_id: delivery.event_id };
    await post("/admin/webhooks/{webhook_id}/deliveries/{event_id}/resend", path);
    button.replaceWith(badge("sent again", "good"));
  });
  return button;
}

export async function showDeliveries(view) {
  const { webhooks } = await read("/admin/webhooks");
  view.append(title("Deliveries"));
  if (webhooks.length === 0) view.append(section("Your endpoints", note("No endpoint receives events.")));
  for (const hook of webhooks) {
    const counts = el("p", {}, `${count(hook.delivered)} delivered, ${count(hook.failed)} given up. `,
      hook.disabled_at ? badge(`disabled: ${hook.disabled_reason}`, "bad long") : badge("receives events", "good"));
    const lists = [];
    for (const [status, name] of Object.entries(undone)) {
      lists.push(el("h3", {}, name), await deliveriesOf(hook, status));
    }
    view.append(section(hook.url, counts, ...lists));
  }
}

// ---- Jobs ----------------------------------------------------------------------------------------------------------

const stateOf = (state) => badge(state, ["retryable", "discarded"].includes(state) ? "bad" : "");

export async function showJobs(view) {
  const { counts, failed } = await read("/admin/jobs");
  const waiting = counts.length === 0 ? note("No job waits.") : panel(table(
    [["Kind"], ["State"], ["Jobs", "num"], ["First is due"]],
    counts.map((c) => [c.kind, stateOf(c.state), code(count(c.jobs)), stamp(c.due_at)])));
  const broken = failed.length === 0 ? note("No job has failed.") : panel(table(
    [["Made"], ["Kind"], ["State"], ["Attempts", "num"], ["Next try"], ["Last error", "wide"]],
    failed.map((j) => [stamp(j.created_at), j.kind, stateOf(j.state), code(`${j.attempt} of ${j.max_attempts}`),
      j.next_at ? stamp(j.next_at) : "given up", j.error])));
  view.append(title("Jobs"),
    section("Failed, newest first", note("A job that was given up leaves its work to the next periodic look."), broken),
    section("Not done", waiting));
}

// ---- Checks --------------------------------------------------------------------------------------------------------

const found = (n) => (n === 0 ? badge("nothing found", "good") : badge(`${count(n)} found`, "bad"));

function walk(heading, text, run) {
  const list = el("dl", { className: "facts" });
  const names = ["This walk began", "Accounts looked at", "This walk ended", "Last complete walk"];
  facts(list, names.map((name) => [name, count(run.accounts)]));
  const values = list.querySelectorAll("dd");
  values[0].replaceChildren(stamp(run.began_at));
  values[2].replaceChildren(run.ended_at || !run.began_at ? stamp(run.ended_at) : "it is running");
  values[3].replaceChildren(stamp(run.last_ended_at));
  const worst = run.ended_at ? run.last_findings : Math.max(run.findings, run.last_findings);
  const state = run.began_at ? found(worst) : badge("not begun yet");
  return section(heading, panel(el("p", {}, state), note(text), list));
}

export async function showChecks(view) {
  const { audit, drift } = await read("/admin/checks");
  view.append(title("Checks"), el("div", { className: "two" },
    walk("Differences from Stripe", "All accounts are compared with Stripe once a day, and most differences are " +
      "repaired. The log of the server names each one. An account's own page compares it now.", drift),
    walk("Rules of the database", "Every hour, all accounts are checked against the rules that always hold. " +
      "A finding is a fault of pointsync: tell the operator.", audit)));
}
