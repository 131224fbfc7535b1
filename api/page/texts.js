// Every word of the page's own, in the reader's language. The words are in texts.LANGUAGE.json, by key, and
// those that only some readers need in files beside it.

const NAMES = { en: "English", de: "Deutsch" };
const RIGHT_TO_LEFT = new Set(["ar", "fa", "he", "ur"]);
const CHOSEN = "footnote.language";
const ATTRIBUTES = { t: null, tLabel: "aria-label", tPlaceholder: "placeholder", tTitle: "title" };

/** The language of the page: chosen by its reader, else the first of the browser's that there is. */
export const language = choose();
const texts = await (await fetch(`/page/texts.${language}.json`)).json();
const plurals = new Intl.PluralRules(language);

function choose() {
  const wanted = [localStorage.getItem(CHOSEN) ?? "", ...navigator.languages];
  return wanted.map((tag) => tag.split("-")[0].toLowerCase()).find((tag) => tag in NAMES) ?? "en";
}

/**
 * The text of a key, with its `{names}` filled in. Numbers are written as the language writes them; one that is called
 * `n` chooses between `one`, `other` and what else the language has. A key without a text is shown itself.
 */
export function t(key, values = {}) {
  const found = texts[key] ?? key;
  const text = typeof found === "string" ? found : (found[plurals.select(values.n)] ?? found.other);
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    return typeof value === "number" ? value.toLocaleString(language) : String(value ?? whole);
  });
}

/** Load the texts of a part of the page that not everybody sees: PART.LANGUAGE.json. */
export async function addTexts(part) {
  Object.assign(texts, await (await fetch(`/page/${part}.${language}.json`)).json());
}

/** The text of a key that may have none; `otherwise` then. */
export const tOr = (key, otherwise) => (key in texts ? t(key) : otherwise);

/** A day, and a minute of one, as the language writes them. */
export const day = (moment) => new Date(moment).toLocaleDateString(language, { dateStyle: "medium" });
export const minute = (moment) => new Date(moment).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });

/** Say what the elements under `root` are named by: data-t their text, data-t-label and so on an attribute. */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-t], [data-t-label], [data-t-placeholder], [data-t-title]"))
    for (const [name, attribute] of Object.entries(ATTRIBUTES)) {
      const key = element.dataset[name];
      if (key === undefined) continue;
      if (attribute) element.setAttribute(attribute, t(key));
      else element.textContent = t(key);
    }
}

document.documentElement.lang = language;
document.documentElement.dir = RIGHT_TO_LEFT.has(language) ? "rtl" : "ltr";
translate(document);

const choice = document.getElementById("language");
for (const [tag, name] of Object.entries(NAMES)) {
  const option = new Option(name, tag, false, tag === language);
  option.lang = tag;
  choice.append(option);
}
choice.addEventListener("change", () => {
  localStorage.setItem(CHOSEN, choice.value);
  location.reload();
});
