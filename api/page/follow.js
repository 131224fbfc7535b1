// What to ask next: sections beside those that an answer cites.

import { make, send } from "./client.js";
import { t } from "./texts.js";

const $ = (id) => document.getElementById(id);
const MOST = 3;
let latest = 0;

/** Suggest questions after an answer that cites these passages; `ask` is called with the one that is chosen. */
export async function suggest(passages, already, ask) {
  const mine = ++latest;
  hideSuggestions();
  const cited = passages.map(({ document_id, ordinal, quote_start: start }) => ({ document_id, ordinal, start: start ?? null }));
  if (!cited.length) return;
  try {
    const { follow_ups: found } = await send("POST", "/v1/search/follow-ups", { passages: cited.slice(0, 50), most: 2 * MOST });
    if (mine !== latest) return;
    const fresh = found.filter(({ heading_path: path }) => !already.some((question) => question.includes(path.at(-1))));
    $("follow-list").replaceChildren(...fresh.slice(0, MOST).map((one) => make("li", {}, button(one, ask))));
    $("follow").hidden = !fresh.length;
  } catch {
    // An answer without suggestions is an answer all the same.
  }
}

export function hideSuggestions() {
  $("follow").hidden = true;
  $("follow-list").replaceChildren();
}

function button({ title, heading_path: path }, ask) {
  const text = t(title ? "follow.of" : "follow.about", { title, heading: path.at(-1) });
  const made = make("button", { type: "button", className: "link" }, text);
  made.addEventListener("click", () => ask(text));
  return made;
}
