// What all parts of the page share: building elements, writing numbers, running what a button asks for, and telling how
// it went at the place where it was asked for.

export const byId = (id) => document.getElementById(id);

// el builds elements and puts strings in as text, so whatever an answer holds, it cannot become markup.
export function el(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

export function facts(list, rows) {
  list.replaceChildren(...rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, String(value)))));
}

// ---- Writing -------------------------------------------------------------------------------------------------------

export const count = (points) => points.toLocaleString("en");
export const day = (time) => new Date(time).toLocaleString("en", { dateStyle: "medium" });
export const when = (time) => new Date(time).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });

// Decimals follow Stripe's documentation on currencies, which differs from the browser's tables here and there.
export function money(amount, currency) {
  const code = currency.toUpperCase();
  let decimals = 2;
  if ("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".includes(code)) decimals = 0;
  if ("BHD JOD KWD OMR TND".includes(code)) decimals = 3;
  const style = { style: "currency", currency: code, minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return (amount / 10 ** decimals).toLocaleString("en", style).replace("-", "−");
}

// ---- Doing ---------------------------------------------------------------------------------------------------------

// onSubmit and onClick run what a form's or another button asks for.
export function onSubmit(form, work) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = event.submitter ?? form.querySelector("button");
    act(button, () => work(form, button));
  });
}

export function onClick(button, work) {
  button.addEventListener("click", () => act(button, () => work(button)));
}

// act runs work with the button out of use meanwhile, and tells how it failed.
async function act(button, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  hush(button);
  button.setAttribute("aria-disabled", "true"); // not `disabled`, which would drop the keyboard's focus
  try {
    await work();
  } catch (failure) {
    complain(failure, button);
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

// pageAt answers the address of a page elsewhere, which is one to go to and no script.
export function pageAt(url) {
  if (!/^https?:\/\//.test(url)) throw new Error("The server named no page to go to.");
  return url;
}

export const go = (url) => location.assign(pageAt(url));

// ---- Telling -------------------------------------------------------------------------------------------------------

// Each section has a place where it tells how things went. What belongs to none, or to one that is gone, is told at the
// top.
function placeOf(near) {
  const section = near?.closest("section");
  return (section && !section.closest("[hidden]") && section.querySelector(".told")) || byId("told");
}

export function say(text, near) {
  tell(placeOf(near), "flash", text);
}

export function hush(near) {
  tell(placeOf(near), "");
  tell(byId("told"), "");
  for (const field of near?.closest("section")?.querySelectorAll("[aria-invalid]") ?? []) field.removeAttribute("aria-invalid");
}

// complain shows a problem's title and its detail, or what it says of single fields, which are marked.
export function complain(failure, near) {
  const place = placeOf(near);
  const errors = failure.problem?.errors ?? [];
  const id = failure.status >= 500 && failure.problem?.request_id;
  const text = errors.length ? "" : failure.message + (id ? ` (request ${id})` : "");
  tell(place, "alert", el("p", {}, failure.title ? el("strong", {}, `${failure.title}${text ? ". " : ":"}`) : "", text));
  if (errors.length) place.append(el("ul", {}, ...errors.map((e) => el("li", {}, `${mark(e.pointer.slice(1), near)}: ${e.message}`))));
  place.focus();
}

// mark marks the field that a problem names and answers what the page calls it.
function mark(name, near) {
  const field = near?.closest("form")?.elements.namedItem(name) ?? near?.closest("section")?.querySelector(`[name="${CSS.escape(name)}"]`);
  field?.setAttribute?.("aria-invalid", "true");
  return field?.labels?.[0]?.firstChild.textContent.trim() ?? name;
}

function tell(place, look, ...content) {
  place.className = `told ${look}`;
  place.replaceChildren(...content);
}

// reveal shows a step that a button leads to, and takes the reader there. conceal takes it away, and the reader to
// where it is told how it went.
export function reveal(step) {
  step.hidden = false;
  step.querySelector("[tabindex='-1']").focus();
}

export function conceal(step) {
  const inside = step.contains(document.activeElement);
  step.hidden = true;
  if (inside) placeOf(step).focus();
}
