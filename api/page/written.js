// An answer to be copied elsewhere: as Markdown, and as rich text, its quotes as footnotes.

import { length, make, slicer, visible } from "./client.js";
import { drawnAnswer, emphasised } from "./drawing.js";
import { placeOf } from "./reader.js";
import { t } from "./texts.js";

const quoted = (quotes) =>
  quotes.filter(({ quote }) => quote).map(({ quote }) => `“${quote.replace(/\s+/g, " ").trim()}”`);
const byNumber = (notes) => [...notes].sort(([a], [b]) => a - b);

/** As Markdown. `citations`: `[{start, end, note, key}]`; `notes`: quotes by the number of their source. */
export function markdownOf(text, citations, notes) {
  const cut = slicer(text);
  let [written, at] = ["", 0];
  const plain = (from, to) => [visible(cut(from, to))];
  for (const { end, note, key } of [...citations].sort((a, b) => a.end - b.end)) {
    const mark = `[^${note.number}]`;
    const pieces = emphasised(at, Math.max(at, end), key, plain);
    written += pieces.map((piece) => (piece.textContent == null ? piece : `**${piece.textContent}**`)).join("");
    if (end > at || !written.endsWith(mark)) written += mark;
    at = Math.max(at, end);
  }
  written += visible(cut(at, length(text)));
  const listed = byNumber(notes).map(([number, quotes]) => {
    const where = [`**${quotes[0].title ?? t("notes.untitled")}**`, placeOf(quotes[0])].filter(Boolean).join(", ");
    return visible(`[^${number}]: ${[where, ...quoted(quotes)].join(". ")} ${quotes[0].uri ?? ""}`.trim());
  });
  return [written.trim(), ...listed].join("\n\n") + "\n";
}

/** As HTML, for programs that take rich text. */
export function richTextOf(text, citations, notes) {
  const blocks = drawnAnswer(text, citations, [], ({ number }) => make("sup", {}, `[${number}]`));
  const items = byNumber(notes).map(([number, quotes]) => {
    const { title, uri = "" } = quotes[0];
    const name = make("strong", {}, title ?? t("notes.untitled"));
    const named = /^https?:/i.test(uri) ? make("a", { href: uri }, name) : name;
    const rest = [placeOf(quotes[0]), quoted(quotes).join(" ")].filter(Boolean).join(". ");
    return make("p", {}, `[${number}] `, named, rest ? `, ${rest}` : "");
  });
  const whole = make("div", {}, ...blocks, ...(items.length ? [make("hr"), ...items] : []));
  for (const element of whole.querySelectorAll("[tabindex], [role], [class]"))
    for (const name of ["tabindex", "role", "class", "aria-label"]) element.removeAttribute(name);
  return whole.outerHTML;
}
