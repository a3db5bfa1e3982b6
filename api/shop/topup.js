// Automatic top-up: a pack that is bought by itself when points run low. To switch it on is to agree to be charged
// while away, so what it costs is shown before, and what the answer says it costs has to be the same.
import { client, result } from "./api.js";
import { catalog, loadCatalog, packOf } from "./catalog.js";
import { byId, count, el, hush, money, onClick, onSubmit, say } from "./page.js";
import { onSession, session } from "./session.js";

const reasons = {
  declined: "Three charges in a row were declined. Use another card under “Manage billing”, then switch it on again.",
  authentication_required: "Your bank wants you to confirm payments. Buy a pack with “Keep my card” ticked, then switch it on again.",
  no_payment_method: "No payment method is saved any more. Buy a pack with “Keep my card” ticked, then switch it on again.",
  price_changed: "The pack has another price, or brings other points now. Look at it below, and switch it on again if you agree.",
  disputed: "The bank took a payment of this account back.",
  refunded: "Money of this account went back, so nothing more is bought by itself.",
  pack_gone: "The pack is not sold any more. Choose another one.",
};

const form = byId("top-up");
const field = form.elements;
let held = null; // the top-up as the API said last, null for none

// showPacks fills the choice of packs, once the catalogue is there.
export function showPacks() {
  field.pack.replaceChildren(...catalog.packs.map((p) => el("option", { value: p.id }, `${p.name}, ${money(p.amount, p.currency)}`)));
  if (packOf(held?.pack)) field.pack.value = held.pack;
  costs();
}

// costs shows, and answers, what the form as it stands comes to.
function costs() {
  const pack = packOf(field.pack.value);
  if (!pack) return {};
  field.quantity.max = pack.max_quantity;
  const quantity = Number(field.quantity.value);
  const amount = pack.amount * quantity;
  byId("top-up-costs").textContent = `${count(pack.points * quantity)} points for ${money(amount, pack.currency)} each time, ` +
    `${money(amount * field.monthly_limit.value, pack.currency)} a month at the most.`;
  return { points: pack.points * quantity, amount, currency: pack.currency };
}

form.addEventListener("input", costs);

// ---- How it stands -------------------------------------------------------------------------------------------------

// showTopUp asks how it stands and leaves the form as the customer has it; fillTopUp puts the form right, too.
export async function showTopUp() {
  show((await result(client.GET("/points/top-up"))).top_up);
}

export async function fillTopUp() {
  await showTopUp();
  fill();
}

function show(topUp) {
  if (topUp?.status !== held?.status) hush(form); // what was told of it is over
  held = topUp;
  const { status = "off", reason, used_this_month: used, monthly_limit: limit } = held ?? {};
  byId("top-up-state").textContent = status === "on" ? `It is on. Bought this month: ${used} of ${limit} at the most.` : status === "off" ? "It is off." : "";
  byId("attention").hidden = status !== "needs_attention";
  byId("attention-why").textContent = reasons[reason] ?? "";
  byId("top-up-on").textContent = { on: "Save", off: "Switch on" }[status] ?? "Switch on again";
  byId("top-up-off").hidden = status === "off" || !packOf(held.pack);
  byId("top-up-forget").hidden = !held;
  lookOut();
}

// lookOut asks again in a while, while points are low and a pack is about to be bought: nothing tells when that comes
// to nothing.
let timer = 0;

function lookOut() {
  clearTimeout(timer);
  const due = held?.status === "on" && held.used_this_month < held.monthly_limit && session?.points.available < held.threshold;
  if (due) timer = setTimeout(() => showTopUp().catch(() => {}), 5000);
}

function fill() {
  if (held) for (const name of ["pack", "quantity", "threshold", "monthly_limit"]) field[name].value = held[name];
  costs();
}

// ---- Setting it ----------------------------------------------------------------------------------------------------

async function put(wish) {
  // A PUT needs no key: however often it is made, it has one effect.
  const { top_up: answer } = await result(client.PUT("/points/top-up", { body: wish }));
  show(answer);
  fill();
  return answer;
}

onSubmit(form, async () => {
  const shown = costs();
  const wish = { pack: field.pack.value };
  for (const name of ["quantity", "threshold", "monthly_limit"]) wish[name] = Number(field[name].value);
  const answer = await put({ ...wish, enabled: true });
  if (Object.keys(shown).some((term) => answer[term] !== shown[term])) { // agreed was to what the page showed
    await put({ ...wish, enabled: false });
    await loadCatalog();
    showPacks();
    throw new Error("The price or the points have changed, so it is off. Look at what it costs now, and switch it on if you agree.");
  }
  say(`It is on: ${money(answer.amount, answer.currency)} each time, ${money(answer.monthly_amount, answer.currency)} a month at the most.`, form);
});

onClick(byId("top-up-off"), async () => {
  const { pack, quantity, threshold, monthly_limit } = held;
  await put({ pack, quantity, threshold, monthly_limit, enabled: false });
  say("It is off.", form);
});

onClick(byId("top-up-forget"), async () => {
  await result(client.DELETE("/points/top-up"));
  show(null);
  say("It is forgotten.", form);
});

onSession(lookOut);
