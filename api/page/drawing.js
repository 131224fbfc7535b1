// An answer's text as elements: its blocks, what is doubtful in it, and where its footnotes are.

import { blocksOf, columnsOf, leavesOf } from "./blocks.js";
import { length, make, slicer, visible } from "./client.js";
import { t } from "./texts.js";

/**
 * The text as elements. `citations`: `[{start, end, note, key}]`, the key from `keyOf`; `mark(note, order)` makes the sign of a footnote, `order`
 * being its citation's place by its end. What `verdicts` doubt is underlined.
 */
export function drawnAnswer(text, citations, verdicts, mark) {
  const cut = slicer(text);
  const blocks = blocksOf(text);
  const show = inline(cut, blocks.flatMap(leavesOf), citations, verdicts, mark);
  return blocks.map((block) => drawn(block, show));
}

/** What draws a stretch of the text, with the footnotes of what ends in it or before the next one. */
function inline(cut, leaves, citations, verdicts, mark) {
  const ordered = [...citations].sort((a, b) => a.end - b.end).map((citation, order) => ({ ...citation, order }));
  const marks = new Map(leaves.map((leaf) => [leaf, []]));
  for (const citation of ordered) {
    const leaf = leaves.findLast(({ from }) => from < citation.end) ?? leaves[0];
    if (leaf) marks.get(leaf).push(citation);
  }
  const doubtful = verdicts.filter(({ verdict }) => verdict === "unsupported" || verdict === "partial");
  return (leaf) => {
    const pieces = [];
    let at = leaf.from;
    const plain = (from, to) => pieces.push(...doubted(from, to, cut, doubtful));
    for (const citation of ordered) {
      const from = Math.max(at, citation.start);
      const to = Math.min(citation.end, leaf.to);
      if (to > from) {
        if (from > at) plain(at, from);
        const shown = emphasised(from, to, citation.key, (first, last) => doubted(first, last, cut, doubtful));
        pieces.push(make("span", { className: "cited" }, ...shown));
        at = to;
      }
      if (marks.get(leaf).includes(citation)) pieces.push(mark(citation.note, citation.order));
    }
    if (leaf.to > at) plain(at, leaf.to);
    return pieces;
  };
}

/** Where in the answer the words of a citation stand that answer; null where nobody knows, or its quote was changed. */
export function keyOf({ answer_start: start, answer_end: end, quote, quote_start: from, key_start: first, key_end: last }) {
  if (quote == null || first == null || length(quote) !== end - start) return null;
  return { start: start + first - from, end: start + last - from };
}

/** A stretch of the text, the words that answer in bold; `show` makes pieces of what lies between two places. */
export function emphasised(from, to, key, show) {
  const start = Math.max(from, key?.start ?? to);
  const end = Math.min(to, key?.end ?? to);
  if (end <= start) return show(from, to);
  return [...show(from, start), make("strong", {}, ...show(start, end)), ...show(end, to)];
}

/** A stretch of the text, with what of it the documents don't bear out underlined, and why. */
function doubted(from, to, cut, verdicts) {
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

/** A block of the answer as elements; `show` draws a stretch of its text. */
function drawn(block, show) {
  if (block.kind === "text") {
    const lines = block.leaves.flatMap((leaf, number) => (number ? ["\n", ...show(leaf)] : show(leaf)));
    return make("p", { dir: "auto" }, ...lines);
  }
  if (block.kind === "list") {
    const items = block.leaves.map((leaf) => make("li", {}, ...show(leaf)));
    const list = make(block.ordered ? "ol" : "ul", { dir: "auto" }, ...items);
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
  const table = make("table", { dir: "auto" }, ...(head.length ? [make("tr", {}, ...head)] : []), ...rows);
  return make("div", { className: "table", tabIndex: 0, role: "region", ariaLabel: t("answer.table") }, table);
}
