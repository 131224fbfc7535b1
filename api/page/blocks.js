// The blocks of an answer's text: paragraphs, lists, tables. Offsets count Unicode characters, as on the wire.

import { length } from "./client.js";

const ITEM = /^(\s*)(?:[-*•]|(\d{1,3})[.)])\s+/;
const NAMED_ROW = /^[^|:]{1,80}: [^|]*(?: \| [^|]*)+$/; // how ingestion writes a table's row: "City: Rome | Rate: 90"
const PIPE_ROW = /^\s*\|.*\|\s*$/;
const PIPE_RULE = /^\s*\|(?:\s*:?-{2,}:?\s*\|)+\s*$/;

/** The text as blocks: `{kind: "text", leaves}`, `{kind: "list", ordered, first, leaves}`, `{kind: "table", header, rows}`. */
export function blocksOf(text) {
  const blocks = [];
  let at = 0;
  let blanks = 0;
  for (const line of text.split("\n")) {
    const last = blocks.at(-1);
    if (line.trim()) {
      const read = readLine(line, at);
      if (last?.kind === read.kind && (!blanks || read.kind === "list") && goesOn(last, read)) join(last, read);
      else blocks.push(read);
      blanks = 0;
    } else blanks += 1;
    at += length(line) + 1;
  }
  return blocks;
}

/** Every stretch of text that is shown, in order. */
export const leavesOf = (block) => (block.kind === "table" ? block.rows.flatMap(({ cells }) => cells) : block.leaves);

function readLine(line, at) {
  const item = line.match(ITEM);
  const bare = item ? line.slice(item[0].length) : line;
  const from = at + length(line) - length(bare);
  const to = from + length(bare.trimEnd());
  if (PIPE_ROW.test(bare)) return { kind: "table", written: "pipes", rule: PIPE_RULE.test(bare), rows: [piped(bare, from)] };
  if (NAMED_ROW.test(bare)) return { kind: "table", written: "named", rows: [named(bare, from)] };
  if (item) return { kind: "list", ordered: Boolean(item[2]), first: Number(item[2] ?? 1), leaves: [{ from, to }] };
  return { kind: "text", leaves: [{ from: at, to: at + length(line) }] };
}

const goesOn = (last, read) => last.written === read.written && last.ordered === read.ordered;

function join(last, read) {
  if (read.kind !== "table") last.leaves.push(...read.leaves);
  else if (!read.rule) last.rows.push(...read.rows);
  else if (last.rows.length === 1) last.rows[0].header = true;
}

/** A row's cells, with where they stand; `name` is empty where the column has none. */
function named(line, at) {
  const cells = [];
  for (const cell of line.split(" | ")) {
    const colon = cell.indexOf(": ");
    const name = colon < 0 ? "" : cell.slice(0, colon);
    const value = colon < 0 ? cell : cell.slice(colon + 2);
    const from = at + length(cell) - length(value);
    cells.push({ name, from, to: from + length(value.trimEnd()) });
    at += length(cell) + 3;
  }
  return { cells };
}

function piped(line, at) {
  const cells = [];
  let from = at + length(line) - length(line.trimStart()) + 1;
  for (const cell of line.trim().slice(1, -1).split("|")) {
    const start = from + length(cell) - length(cell.trimStart());
    cells.push({ name: "", from: start, to: Math.max(start, from + length(cell.trimEnd())) });
    from += length(cell) + 1;
  }
  return { cells };
}

/** The names of a table's columns, in the order in which its rows have them. */
export function columnsOf(table) {
  const names = [];
  for (const { cells } of table.rows)
    for (const { name } of cells) if (name && !names.includes(name)) names.push(name);
  return names;
}
