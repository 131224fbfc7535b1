// What the next question is narrowed down to: chips with counts, dates, and chosen documents.

import { make, send, visible } from "./client.js";
import { language, t, tOr } from "./texts.js";

const $ = (id) => document.getElementById(id);
const DATES = ["since", "until"];
const FEW = 12; // values of a key, until all are asked for
const MANY = 100;
const MOST_DOCUMENTS = 100; // that a filter takes
const languages = new Intl.DisplayNames([language], { type: "language" });
const chosen = new Map(); // by key: labels by value
let most = FEW;
let asked = 0;

/** The filters as the service takes them; undefined if there are none. */
export function filters() {
  const found = {};
  for (const [key, values] of chosen) if (values.size) found[key] = [...values.keys()];
  const modified = {};
  if ($("since").value) modified.from = $("since").value;
  if ($("until").value) modified.to = $("until").value;
  if (Object.keys(modified).length) found.modified = modified;
  return Object.keys(found).length ? found : undefined;
}

/** Look in these documents alone, `[{document_id, title}]`, until the reader says otherwise. */
export function lookOnlyIn(documents) {
  const some = documents.slice(0, MOST_DOCUMENTS);
  chosen.set("document", new Map(some.map(({ document_id: id, title }) => [id, title ?? t("notes.untitled")])));
  changed();
}

/** The reader is another one: nothing of what the last one chose is left. */
export function forgetFilters() {
  chosen.clear();
  for (const id of DATES) $(id).value = "";
  changed();
}

function changed() {
  const count = Object.keys(filters() ?? {}).length;
  $("filter-count").textContent = count ? t("filters.count", { n: count }) : "";
  $("clear-filters").hidden = !count;
  const chips = [...chosen].flatMap(([key, values]) => [...values].map(([value, label]) => chosenChip(key, value, label)));
  $("chosen").replaceChildren(...chips);
  if ($("filters").open) load();
}

/** A chip beside the question, which takes its filter back. */
function chosenChip(key, value, label) {
  const said = t("filters.is", { key: t(`filters.${key}`), value: visible(label) });
  const button = make("button", { type: "button", className: "chip", ariaLabel: t("filters.remove", { filter: said }) });
  button.append(make("span", {}, said), make("span", { className: "n", ariaHidden: "true" }, "×"));
  button.addEventListener("click", () => {
    toggle(key, value, label);
    ($("chosen").querySelector("button") ?? $("question")).focus();
  });
  return make("li", {}, button);
}

function toggle(key, value, label) {
  const values = chosen.get(key) ?? new Map();
  if (!values.delete(value)) values.set(value, label);
  chosen.set(key, values);
  changed();
}

/** Ask what there is to choose from; a later question's answer counts. */
async function load() {
  const mine = ++asked;
  try {
    const { facets } = await send("POST", "/v1/search/facets", { filters: filters(), most });
    if (mine !== asked) return;
    const had = document.activeElement?.dataset?.chip;
    $("facets").replaceChildren(...facets.map(group).filter(Boolean));
    $("more-facets").hidden = most === MANY || !facets.some(({ values }) => values.length === most);
    if (had) [...$("facets").querySelectorAll("button")].find((button) => button.dataset.chip === had)?.focus();
    $("facets-said").textContent = $("facets").children.length ? "" : t("filters.none");
  } catch (error) {
    if (mine === asked) $("facets-said").textContent = error.message;
  }
}

function group({ key, values }) {
  if (!values.length && !chosen.get(key)?.size) return null;
  const named = values.map((each) => ({ ...each, label: labelOf(key, each) }));
  // What is chosen can be taken back even where no document has it any more.
  for (const [value, label] of chosen.get(key) ?? [])
    if (!named.some((each) => each.value === value)) named.push({ value, label, documents: 0 });
  return make("fieldset", {}, make("legend", {}, t(`filters.${key}`)), make("div", { className: "chips" }, ...named.map((each) => chip(key, each))));
}

function labelOf(key, { value, label }) {
  if (key === "document_type") return tOr(`type.${value}`, value);
  if (key !== "language") return label;
  try {
    return languages.of(value) ?? value;
  } catch {
    return value; // no tag of a language
  }
}

function chip(key, { value, label, documents }) {
  const button = make("button", { type: "button", className: "chip" }, make("span", {}, label), " ");
  button.append(make("span", { className: "n" }, documents.toLocaleString(language)));
  button.setAttribute("aria-label", t("filters.chip", { value: visible(label), n: documents }));
  button.setAttribute("aria-pressed", String(Boolean(chosen.get(key)?.has(value))));
  button.dataset.chip = `${key} ${value}`;
  button.addEventListener("click", () => toggle(key, value, label));
  return button;
}

$("filters").addEventListener("toggle", () => $("filters").open && load());
for (const id of DATES) $(id).addEventListener("input", changed);
$("more-facets").addEventListener("click", () => {
  most = MANY;
  load();
});
$("clear-filters").addEventListener("click", () => {
  forgetFilters();
  $("filters").querySelector("summary").focus();
});
changed();
