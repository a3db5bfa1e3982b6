// What all pages of the console are made of: sections, tables that a phone can show, and lists in pages.
import { count, el, onClick, onSubmit, say } from "./page.js";

let ids = 0;
const newID = (what) => `${what}-${++ids}`;

// exactly writes a time to the second.
export const exactly = (time) => new Date(time).toLocaleString("en", { dateStyle: "medium", timeStyle: "medium" });

// stamp writes a time with the machine's notation, for a reader who compares it with a log.
export const stamp = (time) => (time ? el("time", { dateTime: time, title: time }, exactly(time)) : "–");

export const signed = (points) => (points > 0 ? `+${count(points)}` : count(points).replace("-", "−"));

export const code = (text) => el("code", {}, text);

export const accountLink = (id, text = id) => el("a", { href: `#/accounts/${id}` }, text);

export const badge = (text, look = "") => el("span", { className: `badge ${look}` }, text);

export const title = (text, ...more) => el("header", { className: "title" }, el("h1", {}, text), ...more);

// section returns a part of a page with its heading and the place that tells how its actions went.
export function section(heading, ...content) {
  const id = newID("heading");
  const told = el("div", { className: "told", tabIndex: -1 });
  told.setAttribute("role", "status");
  const made = el("section", {}, el("h2", { id }, heading), told, ...content);
  made.setAttribute("aria-labelledby", id);
  return made;
}

export const note = (text) => el("p", { className: "hint" }, text);

export const panel = (...content) => el("div", { className: "panel" }, ...content);

// table returns a table whose rows become cards on a phone, where each value has its column's name. A column is
// [name, look]; `num` is for figures, `wide` for text that takes the room that is left.
export function table(columns, rows) {
  const heads = columns.map(([name, look = ""]) => el("th", { scope: "col", className: look }, name));
  const body = el("tbody", {});
  const made = el("table", { className: "cards" }, el("thead", {}, el("tr", {}, ...heads)), body);
  made.add = (more) => {
    for (const row of more) {
      body.append(el("tr", {}, ...row.map((value, n) => {
        const [name, look = ""] = columns[n];
        const cell = el("td", { className: look }, value ?? "");
        cell.dataset.name = name;
        return cell;
      })));
    }
  };
  made.add(rows);
  return made;
}

// pages returns a list that is read page by page. load returns [items, next cursor], and row makes a row of an item.
export async function pages(columns, load, row, none) {
  const [items, first] = await load(undefined);
  if (items.length === 0) return note(none);
  let next = first;
  const list = table(columns, items.map(row));
  const more = el("button", { type: "button", hidden: !next }, "Show older ones");
  onClick(more, async () => {
    const [older, after] = await load(next);
    list.add(older.map(row));
    next = after;
    more.hidden = !next;
  });
  return panel(list, more);
}

// drawer returns a part that is loaded when it is opened.
export function drawer(heading, load) {
  const place = el("div", { className: "drawn" });
  const told = el("div", { className: "told", tabIndex: -1 });
  told.setAttribute("role", "status");
  const made = el("details", { className: "drawer" }, el("summary", {}, heading), told, place);
  made.addEventListener("toggle", async () => {
    if (!made.open || place.childElementCount) return;
    place.replaceChildren(note("Loading…"));
    try {
      place.replaceChildren(await load());
    } catch (failure) {
      place.replaceChildren(el("p", { className: "alert" }, failure.message));
    }
  });
  return made;
}

// field returns a label with its field. properties are those of the input; a hint is read with it.
export function field(label, name, properties = {}, hint = "") {
  const id = newID(name);
  const input = el("input", { id, name, ...properties });
  const made = el("div", { className: "field" }, el("label", { htmlFor: id }, label));
  if (hint) {
    made.append(el("p", { className: "hint", id: `${id}-hint` }, hint));
    input.setAttribute("aria-describedby", `${id}-hint`);
  }
  made.append(input);
  return made;
}

// reason returns the field for why something is done. Every action has one.
export const reason = (hint) =>
  field("Reason", "reason", { required: true, maxLength: 500, autocomplete: "off" }, hint);

// form returns a form that does work with its fields' values, and then says what it did.
export function form(button, look, fields, work) {
  const made = el("form", { method: "post" }, ...fields,
    el("div", {}, el("button", { type: "submit", className: look }, button)));
  onSubmit(made, async () => {
    const done = await work(Object.fromEntries(new FormData(made)), made);
    if (done) say(done, made);
  });
  return made;
}

// act returns a button in a row that asks for the reason before it does work.
export function act(text, asks, work) {
  const place = el("div", { className: "act" });
  const button = el("button", { type: "button" }, text);
  onClick(button, async () => {
    const ask = form(text, "primary", [reason(asks)], (values) => work(values.reason, place));
    place.replaceChildren(ask);
    ask.querySelector("input").focus();
  });
  place.append(button);
  return place;
}
