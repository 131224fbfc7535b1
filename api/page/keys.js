// The keyboard: one key for each thing that is done often, and a dialog that tells which. They can be switched off.

import { make } from "./client.js";
import { t } from "./texts.js";

const $ = (id) => document.getElementById(id);
const OFF = "footnote.keys";
// A key, and the control that it presses; `.note` and the like: the first one that is shown.
const PRESSES = {
  "/": "question",
  f: "filter-title",
  h: "open-history",
  n: "new-conversation",
  u: "open-uploads",
  c: "copy",
  a: "again",
  e: "edit",
  s: "open-share",
  "?": "open-help",
};
const IN_READER = { j: "passage-after", k: "passage-before", p: "to-passage" };

const on = () => localStorage.getItem(OFF) !== "off";
const shown = (element) => element && !element.disabled && element.checkVisibility();

/** The control that a key presses now. */
function pressedBy(name) {
  const dialog = document.querySelector("dialog:modal");
  if (dialog) return dialog.id === "reader" ? $(IN_READER[name]) : null;
  if (/^[1-9]$/.test(name)) return document.querySelector(`#note-${name} button`);
  return $(PRESSES[name]);
}

function pressed(event) {
  if (!on() || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.matches("input:not([type=checkbox]), textarea, select")) return;
  const control = pressedBy(event.key);
  if (!shown(control)) return;
  event.preventDefault();
  control.focus();
  if (control.matches("button, summary")) control.click();
}

function row([name, label]) {
  return make("tr", {}, make("th", { scope: "row" }, make("kbd", {}, name)), make("td", {}, label));
}

function openHelp() {
  const everywhere = Object.keys(PRESSES).map((name) => [name, t(`keys.${PRESSES[name].replaceAll("-", "_")}`)]);
  const notes = ["1 – 9", t("keys.notes")];
  const reading = Object.keys(IN_READER).map((name) => [name, t(`keys.${IN_READER[name].replaceAll("-", "_")}`)]);
  const always = [["Tab", t("keys.tab")], ["Esc", t("keys.escape")]];
  $("help-keys").replaceChildren(...[...always, ...everywhere, notes, ...reading].map(row));
  $("help-on").checked = on();
  $("help").showModal();
  $("help-title").focus();
}

document.addEventListener("keydown", pressed);
$("open-help").addEventListener("click", openHelp);
$("close-help").addEventListener("click", () => $("help").close());
$("help-on").addEventListener("change", () => localStorage.setItem(OFF, $("help-on").checked ? "on" : "off"));
