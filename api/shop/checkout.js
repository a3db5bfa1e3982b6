// Buying: the cards of what is for sale, the trip to Stripe's page, and the order that one comes back with.
import { client, insist, result } from "./api.js";
import { catalog, seats } from "./catalog.js";
import { byId, complain, count, el, go, hush, money, onSubmit, say } from "./page.js";
import { showEntries } from "./points.js";
import { onSession, session } from "./session.js";
import { live, preview } from "./subscription.js";

// ---- For sale ------------------------------------------------------------------------------------------------------

let cards = []; // functions that fit each card to the session held

export function showCatalog() {
  const sold = [
    ...catalog.plans.map((plan) => card(plan, `every ${plan.interval}`, "Subscribe", "Seats", fitPlan(plan))),
    ...catalog.packs.map((pack) => card(pack, "once", "Buy", "How many", ({ step }) => { step.hidden = !session; })),
  ];
  cards = sold.map(({ fit }) => fit);
  byId("catalog").replaceChildren(...(sold.length ? sold.map(({ form }) => form) : [el("p", { className: "empty" }, "Nothing is for sale.")]));
  byId("catalog").setAttribute("aria-busy", "false");
  onSession(() => {
    byId("terms").hidden = !session;
    byId("to-buy").hidden = Boolean(session);
    if (!session) byId("terms").querySelectorAll("input").forEach((input) => Object.assign(input, { value: "", checked: false }));
    cards.forEach((fit) => fit());
  });
}

function card(item, rhythm, verb, many, fitTo) {
  const button = el("button", { className: "primary" }, el("span", { className: "verb" }, verb), el("span", { className: "item unseen" }, ` ${item.name}`));
  const step = el("div", { className: "step" });
  const trial = item.trial_days ? `${item.trial_days} days free` : "";
  if (item.max_quantity > 1) {
    const id = `quantity-${item.id}`;
    step.append(el("div", { className: "field" }, el("label", { htmlFor: id }, many),
      el("input", { id, name: "quantity", type: "number", inputMode: "numeric", min: 1, max: item.max_quantity, step: 1, defaultValue: 1, required: true })));
  }
  step.append(button);
  const form = el("form", { className: "panel good", method: "post", action: "/checkout" },
    el("h3", {}, item.name),
    el("p", { className: "yield" }, el("strong", {}, count(item.points)), " points"),
    el("p", { className: "cost" }, money(item.amount, item.currency), el("span", {}, ` ${rhythm}`)),
    el("p", { className: "hint" }, [item.description, trial].filter(Boolean).join(" ")),
    el("p", { className: "badge", hidden: true }, "Your plan"), step);
  onSubmit(form, () => {
    const quantity = Number(form.elements.quantity?.value ?? 1);
    return verb === "Subscribe" && live(session?.subscription) ? preview(item.id, quantity) : buy(item, quantity, form);
  });
  const [seen, name] = button.children;
  const parts = { step, verb: seen, name, badge: form.querySelector(".badge") };
  return { form, fit: () => fitTo(parts) };
}

// fitPlan lets a plan's card change the subscription of whoever has one: a second one is refused.
function fitPlan(plan) {
  return ({ step, verb, name, badge }) => {
    const subscription = live(session?.subscription) ? session.subscription : null;
    const mine = subscription?.plan === plan.id;
    step.hidden = !session || mine;
    badge.hidden = !mine;
    badge.textContent = mine ? `Your plan: ${seats(plan.id, subscription.quantity)}` : "";
    verb.textContent = subscription ? "Switch to" : "Subscribe";
    name.classList.toggle("unseen", !subscription);
  };
}

async function buy(item, quantity, form) {
  const body = { item: item.id, success_url: `${location.origin}/?order_id={ORDER_ID}`, cancel_url: `${location.origin}/?cancelled=1` };
  if (quantity > 1) body.quantity = quantity;
  const code = byId("promotion").value.trim();
  if (code) body.promotion_code = code;
  if (catalog.packs.includes(item) && byId("save").checked) body.save_payment_method = true; // a plan's is kept anyway
  const { order, url } = await insist("/checkout", body, (text) => say(text, form));
  if (url) return go(url);
  await watch(order.id, form);
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// ---- The order -----------------------------------------------------------------------------------------------------

// watch asks for an order until it is no longer pending. The server syncs a pending order from Stripe at each question,
// so this does not wait for Stripe's webhook.
export async function watch(orderID, near) {
  for (let attempt = 0; attempt < 10; attempt++) {
    const { order } = await result(client.GET("/checkout/{order_id}", { params: { path: { order_id: orderID } } }));
    if (order.status !== "pending") return settled(order, near);
    say("Waiting for the payment to be confirmed…", near);
    await pause(Math.min(400 * 1.6 ** attempt, 5000));
  }
  say("The payment is not confirmed yet. Reload this page to look again.", near);
}

async function settled(order, near) {
  history.replaceState(null, "", "/"); // a reload must not tell the story again
  hush(near);
  const points = `${count(order.points)} points`;
  if (order.status === "fulfilled") say(`Thank you. The order is paid${order.points ? ` and brings ${points}` : ""}.`, near);
  else if (order.status === "paid") say(`Thank you. The order is paid; its ${points} are on their way.`, near);
  else complain(new Error({ expired: "The payment page ran out before it was paid. Nothing was charged.",
    refunded: "This order was refunded." }[order.status] ?? "The payment failed. Nothing was charged."), near);
  await showEntries();
}
