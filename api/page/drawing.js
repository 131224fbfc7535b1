// How an answer's text is drawn: its blocks, what of it answers, and what of it is in doubt.

import { columnsOf } from "./blocks.js";
import { length, make, visible } from "./client.js";
import { t } from "./texts.js";

/** A block of the answer as elements; `show` draws a stretch of its text. */
export function drawn(block, show) {
  if (block.kind === "text") {
    const lines = block.leaves.flatMap((leaf, number) => (number ? ["\n", ...show(leaf)] : show(leaf)));
    return make("p", {}, ...lines);
  }
  if (block.kind === "list") {
    const list = make(block.ordered ? "ol" : "ul", {}, ...block.leaves.map((leaf) => make("li", {}, ...show(leaf))));
    if (block.ordered) list.start = block.first;
    return list;
  }
  const columns = columnsOf(block);
  const head = columns.map((name) => make("th", { scope: "col" }, name));
  const rows = block.rows.map(({ cells, header }) => {
    // A cell stands under its column's name; empty ones were left out of the text.
    const rest = cells.filter(({ name }) => !columns.includes(name));
    const placed = columns.map((name) => cells.find((cell) => cell.name === name));
    const kind = header ? "th" : "td";
    return make("tr", {}, ...[...placed, ...rest].map((cell) => make(kind, {}, ...(cell ? show(cell) : []))));
  });
  const table = make("table", {}, ...(head.length ? [make("tr", {}, ...head)] : []), ...rows);
  return make("div", { className: "table", tabIndex: 0, role: "region", ariaLabel: t("answer.table") }, table);
}

/** Where in the answer the words stand that answer the question; null where that isn't known, or the quote was changed. */
export function keyOf({ answer_start: start, answer_end: end, quote, quote_start: from, key_start: first, key_end: last }) {
  if (quote == null || first == null || length(quote) !== end - start) return null;
  return { start: start + first - from, end: start + last - from };
}

/** A stretch of the text, the words that answer in bold; `show` draws what lies between two places. */
export function emphasised(from, to, key, show) {
  const start = Math.max(from, key?.start ?? to);
  const end = Math.min(to, key?.end ?? to);
  if (end <= start) return show(from, to);
  return [...show(from, start), make("strong", {}, ...show(start, end)), ...show(end, to)];
}

/** A stretch of the text, with what of it the documents don't bear out underlined, and why. */
export function doubted(from, to, cut, verdicts) {
  const pieces = [];
  let at = from;
  for (const { answer_start: start, answer_end: end, verdict, reasons } of verdicts) {
    const first = Math.max(at, start);
    const last = Math.min(to, end);
    if (last <= first) continue;
    if (first > at) pieces.push(visible(cut(at, first)));
    const why = visible([t(`doubt.${verdict}`), ...reasons].join(": "));
    const span = make("span", { className: `doubt ${verdict}`, title: why }, visible(cut(first, last)));
    if (last === end) span.append(make("span", { className: "unseen" }, ` (${why})`));
    pieces.push(span);
    at = last;
  }
  if (to > at) pieces.push(visible(cut(at, to)));
  return pieces;
}
