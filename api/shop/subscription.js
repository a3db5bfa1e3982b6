// The subscription: another plan or more seats, with the price before it is paid; the end of it; and going on.
import { client, insist, result, unpaidAt } from "./api.js";
import { catalog, planOf, seats } from "./catalog.js";
import { byId, complain, conceal, count, day, el, facts, go, money, onClick, onSubmit, pageAt, reveal, say } from "./page.js";
import { showEntries } from "./points.js";
import { onSession, session } from "./session.js";

const over = ["canceled", "incomplete_expired"];
// Stripe's states in a customer's words.
const statusWords = { trialing: "free trial", past_due: "payment failed", unpaid: "payment owed", incomplete: "first payment missing",
  canceled: "ended", incomplete_expired: "ended" };

// live says whether a subscription refuses a second one, and so is changed rather than bought.
export const live = (s) => Boolean(s) && ![...over, "incomplete"].includes(s.status);

// The states in which a payment is owed, and those in which a change is accepted.
const owing = ["past_due", "unpaid", "incomplete"];
const changeable = (s) => ["active", "trialing"].includes(s.status);

// ---- What there is, and what may be done about it -------------------------------------------------------------------

function showSubscription() {
  const s = session?.subscription;
  byId("plan").hidden = !s || over.includes(s.status);
  facts(byId("subscription"), !s ? [["Plan", "none"]] : [
    ["Plan", seats(s.plan, s.quantity)],
    ["Status", statusWords[s.status] ?? s.status],
    ["Access", s.until ? `until ${day(s.until)}` : "none"],
    ...(s.features?.length ? [["With", s.features.join(", ")]] : []),
    ...(changeable(s) ? [["Next", next(s)]] : []),
  ]);
  if (byId("plan").hidden) return hideSteps();
  byId("change").hidden = !changeable(s);
  byId("settle").hidden = !owing.includes(s.status);
  byId("state").textContent = { // what the server would refuse is said here before it is asked for
    incomplete: "Your first payment is missing. Pay it, or cancel.",
    past_due: "Your last payment failed. Pay it to keep your plan.",
    unpaid: "You owe payments, so your plan is off. Pay them, or cancel.",
    paused: "Your plan is paused. If you resume it, a new period begins and is charged at once.",
  }[s.status] ?? `${seats(s.plan, s.quantity)} ${next(s)}.`;
  byId("resume").hidden = !s.ends_at && !s.scheduled_change && !s.collection_paused && s.status !== "paused";
  byId("resume").textContent = s.status === "paused" ? "Resume and pay" : s.scheduled_change ? `Keep ${seats(s.plan, s.quantity)}` : s.ends_at ? "Keep my plan" : "Collect payments again";
  const endsSoon = s.ends_at && new Date(s.ends_at) <= new Date(s.current_period_end);
  const atEnd = (changeable(s) || s.status === "past_due") && !endsSoon;
  byId("at-end").hidden = !atEnd;
  byId("at-end-hint").textContent = `On ${day(s.current_period_end)}. Until then everything stays as it is, and you can take it back.`;
  showOwed();
}

function next(s) {
  if (s.scheduled_change) return `becomes ${seats(s.scheduled_change.plan, s.scheduled_change.quantity)} on ${day(s.scheduled_change.at)}`;
  if (s.ends_at) return `ends on ${day(s.ends_at)}`;
  if (s.collection_paused) return `is not charged${s.collection_paused.until ? ` until ${day(s.collection_paused.until)}` : ""}, and gets no points`;
  return `renews on ${day(s.current_period_end)}`;
}

function hideSteps() {
  conceal(byId("offer"));
  conceal(byId("cancel"));
}

// ---- Another plan, or more seats -----------------------------------------------------------------------------------

// showPlans fills the choice of plans, once the catalogue is there.
export function showPlans() {
  byId("to").replaceChildren(...catalog.plans.map((p) => el("option", { value: p.id }, `${p.name}, ${money(p.amount, p.currency)} every ${p.interval}`)));
  showSeats();
  showSubscription();
}

function showSeats() {
  const most = planOf(byId("to").value)?.max_quantity ?? 1;
  byId("seats-field").hidden = byId("seats").disabled = most === 1; // what is hidden must not keep the form from being sent
  byId("seats").max = most;
}

byId("to").addEventListener("change", () => {
  const { plan, quantity } = session.subscription;
  byId("seats").value = byId("to").value === plan ? quantity : 1;
  showSeats();
});
onSubmit(byId("change"), (form) => preview(form.elements.plan.value, Number(form.elements.quantity.value)));
onSubmit(byId("offer"), () => change("/subscription/change", offered));
onClick(byId("no-offer"), () => conceal(byId("offer")));

let offered = null; // the change that the preview on the page is of

// preview shows what a change comes to. Its proration date is sent with the change: the charge is then just the one
// shown.
export async function preview(plan, quantity) {
  byId("to").value = plan;
  byId("seats").value = quantity;
  showSeats();
  quantity = Math.min(quantity, planOf(plan).max_quantity);
  const p = await result(client.POST("/subscription/preview", { body: { plan, quantity } }));
  offered = { plan, quantity, ...(p.proration_date && { proration_date: p.proration_date }) };
  const now = p.effect === "now";
  byId("offer-title").textContent = `${seats(plan, p.quantity)} ${now ? "from now on" : `from ${day(p.at)} on`}`;
  byId("offer-lines").replaceChildren(...p.lines.map((line) => row(line.description, money(line.amount, p.currency))));
  byId("offer-due").textContent = money(p.amount_due, p.currency);
  const { amount, currency, interval } = planOf(plan);
  byId("offer-hint").textContent = [
    p.points ? `Paying it brings ${count(p.points)} points at once.` : "",
    now ? "" : `Until then you keep what you have paid for. Then it costs ${money(amount * p.quantity, currency)} every ${interval}.`,
    session.subscription?.ends_at ? "Its end is taken back, as soon as this is paid." : "",
  ].filter(Boolean).join(" ");
  byId("accept").textContent = p.amount_due ? `Pay ${money(p.amount_due, p.currency)} and switch` : now ? "Switch now" : `Switch on ${day(p.at)}`;
  reveal(byId("offer"));
}

const row = (name, value) => el("tr", {}, el("th", { scope: "row" }, name), el("td", { className: "num" }, value));

// change asks for a change, and takes the reader to the payment that it waits for, if there is one.
async function change(path, body) {
  if (!await ask(path, body)) byId("owed").focus();
}

// ask says what the subscription is after a change, and reports whether it is made: else it waits for a payment. Where
// the outcome is unknown the step stays open, so that its button asks the same question again.
async function ask(path, body) {
  const near = byId("plan");
  try {
    const { subscription: s, payment, voided_invoices: voided } = await insist(path, body, (text) => say(text, near));
    const later = { processing: " Your bank was asked: the points come when it pays.", invoiced: " An invoice was sent: the points come when it is paid." }[payment] ?? "";
    const given = voided.length ? ` Not to be paid any more: ${voided.map((v) => money(v.amount, v.currency)).join(", ")}.` : "";
    say(over.includes(s.status) ? `The subscription has ended.${given}` : `${seats(s.plan, s.quantity)} ${next(s)}.${later}`, near);
    hideSteps();
    showEntries().catch(() => {}); // the change is made, whether its entries can be shown now or not
    return true;
  } catch (failure) {
    if (!failure.undecided) hideSteps();
    if (!failure.unpaid) throw failure;
    return false;
  } finally {
    showOwed();
  }
}

// ---- A change that waits for its payment ----------------------------------------------------------------------------

const owed = () => ["/subscription/change", "/subscription/resume"].map((path) => ({ path, ...unpaidAt(path) })).find(({ problem }) => problem);

function showOwed() {
  const problem = owed()?.problem;
  byId("owed").hidden = !problem;
  if (!problem) return;
  byId("owed-text").replaceChildren(el("strong", {}, `${problem.title}. `), problem.detail);
  byId("pay").href = pageAt(problem.payment_url);
}

// askOwed asks again, under the same key: it is answered how the change stands, and nothing is charged a second time.
async function askOwed() {
  const waiting = owed();
  return !waiting || ask(waiting.path, waiting.body);
}

// lookAtOwed does so for nobody in particular, who is told when that has changed.
export const lookAtOwed = () => askOwed().catch((failure) => complain(failure, byId("plan")));

onClick(byId("paid"), async (button) => {
  if (!await askOwed()) say("It is not paid yet.", button);
});
onClick(byId("give-up"), () => { // the plan that it has takes a waiting change back
  const { plan, quantity } = session.subscription;
  return change("/subscription/change", { plan, quantity });
});

// ---- The end, and going on -----------------------------------------------------------------------------------------

onClick(byId("leave"), () => {
  byId(byId("at-end").hidden ? "now" : "period_end").checked = true;
  reveal(byId("cancel"));
});
onClick(byId("stay"), () => {
  conceal(byId("cancel"));
  byId("leave").focus();
});
onSubmit(byId("cancel"), (form) => change("/subscription/cancel", { at: form.elements.at.value }));
onClick(byId("resume"), () => change("/subscription/resume"));
for (const id of ["portal", "settle"]) onClick(byId(id), async () => {
  go((await result(client.POST("/portal", { body: { return_url: `${location.origin}/` } }))).url);
});

onSession(showSubscription);
