// What views of the desk are made of.

import { make } from "./client.js";
import { t } from "./texts.js";

let ids = 0;
const newId = () => `desk-${(ids += 1)}`;

/** A button; `name` is what it is called where its label alone doesn't say. `act` is given the button. */
export function button(label, act, { name = null, className = "quiet" } = {}) {
  const made = make("button", { type: "button", className }, label);
  if (name) made.ariaLabel = name;
  made.addEventListener("click", () => act(made));
  return made;
}

/** A row of buttons. */
export const buttons = (...made) => make("div", { className: "tools" }, ...made.filter(Boolean));

/** A control with its label, and what helps to fill it in. */
export function field(label, control, hint = "") {
  control.id ||= newId();
  const parts = [make("label", { htmlFor: control.id }, label), control];
  if (hint) {
    const help = make("p", { id: `${control.id}-hint`, className: "hint" }, hint);
    control.setAttribute("aria-describedby", help.id);
    parts.push(help);
  }
  return make("div", { className: "field" }, ...parts);
}

/** A box to tick, with its label behind it. */
export function tick(label, checked = false, value = "") {
  const box = make("input", { type: "checkbox", checked, value });
  return { box, row: make("label", { className: "tick" }, box, ` ${label}`) };
}

export const input = (properties = {}) => make("input", { autocomplete: "off", ...properties });
export const area = (properties = {}) => make("textarea", { rows: 2, spellcheck: false, ...properties });

/** A choice; `options` are pairs of value and label. */
export function choice(options, value = "") {
  const made = make("select", {}, ...options.map(([of, label]) => make("option", { value: of }, label)));
  made.value = value;
  return made;
}

/** A form whose submission calls `act`; the button rests meanwhile. */
export function form(label, parts, act, more = []) {
  const submit = make("button", { type: "submit", className: "primary" }, label);
  const fault = make("p", { className: "field-error", role: "alert" });
  const made = make("form", { className: "desk-form", noValidate: true }, ...parts, fault, buttons(submit, ...more));
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    await trying(submit, fault, act);
  });
  return { form: made, fault, submit };
}

/** Do something; the button rests meanwhile, and what goes wrong is said in `fault`. */
export async function trying(control, fault, act) {
  control.disabled = true;
  fault.textContent = "";
  try {
    await act();
  } catch (error) {
    fault.textContent = error.message;
  } finally {
    control.disabled = false;
  }
}

/** A table that scrolls where it is too wide; cells are texts or elements. */
export function table(caption, heads, rows) {
  const head = make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)));
  const body = rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell ?? ""))));
  const made = make("table", {}, make("caption", {}, caption), make("thead", {}, head), make("tbody", {}, ...body));
  return make("div", { className: "table", tabIndex: 0, role: "region", ariaLabel: caption }, made);
}

/** Names and what they are: pairs, of which those without a value are left out. */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  const rows = shown.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
  return make("dl", { className: "facts" }, ...rows);
}

/** A part of a view under its heading. */
export function part(heading, ...children) {
  const title = make("h4", { id: newId(), tabIndex: -1 }, heading);
  const made = make("section", { className: "part" }, title, ...children);
  made.setAttribute("aria-labelledby", title.id);
  return made;
}

export const line = (text) => make("p", { className: "place" }, text);

/** Whether a person says yes to what can't be taken back. */
export function confirmed(question, yes) {
  const text = make("p", { id: newId() }, question);
  const no = make("button", { type: "button", className: "quiet" }, t("desk.no"));
  const go = make("button", { type: "button", className: "primary" }, yes);
  const asking = make("dialog", { className: "key", role: "alertdialog" }, text, make("div", { className: "actions" }, no, go));
  asking.setAttribute("aria-labelledby", text.id);
  document.body.append(asking);
  return new Promise((resolve) => {
    const end = (answer) => {
      resolve(answer);
      asking.remove();
    };
    no.addEventListener("click", () => end(false));
    go.addEventListener("click", () => end(true));
    asking.addEventListener("cancel", () => end(false));
    asking.showModal();
    no.focus();
  });
}

/** Have the browser keep a text as a file. */
export function download(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  make("a", { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}

/** The words of a list that commas part. */
export const words = (text) => text.split(",").map((word) => word.trim()).filter(Boolean);

/** A query of what is given. */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return new URLSearchParams(given).toString();
}
