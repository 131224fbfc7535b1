// The panel that shows a document's text with the cited passage marked.

import { getBlob, getJson, key, length, make, slicer } from "./client.js";

const $ = (id) => document.getElementById(id);
const dialog = $("reader");
const MOST_ELEMENTS = 4000;
const KINDS = { title: "heading", list_item: "item", table: "mono", code: "mono" };

let opening = 0;

/** Where a passage is, for people: its page, or the headings above it. */
export function placeOf(source) {
  const parts = [];
  if (source.page != null) parts.push(`Page ${source.page}`);
  const headings = (source.heading_path ?? []).filter((heading, depth) => depth || heading !== source.title);
  if (headings.length) parts.push(headings.join(" › "));
  return parts.join(" · ");
}

/**
 * Open a document at a passage.
 * `place`: {document_id, ordinal, title, page, heading_path} and, for a citation, {quote, quote_start, quote_end}.
 */
export async function openReader(place, onClose) {
  const mine = ++opening;
  const path = `/v1/documents/${encodeURIComponent(place.document_id)}`;
  $("reader-title").textContent = place.title;
  $("reader-place").textContent = placeOf(place);
  $("reader-notice").replaceChildren();
  $("reader-text").replaceChildren(make("p", { className: "place" }, "Opening the document…"));
  $("to-passage").hidden = true;
  $("download").href = `${path}/original`;
  dialog.addEventListener("close", onClose, { once: true });
  dialog.showModal();
  $("reader-title").focus();
  try {
    const [document, span] = await Promise.all([getJson(`${path}/text`), spanOf(place, path)]);
    if (mine === opening) show(document, span);
  } catch (error) {
    if (mine !== opening) return;
    $("reader-text").replaceChildren();
    notice(error.status === 404 ? "This document is no longer there, or you may no longer read it." : error.message);
  }
}

async function spanOf(place, path) {
  if (place.quote) return { start: place.quote_start, end: place.quote_end, quote: place.quote };
  const passage = await getJson(`${path}/chunks/${place.ordinal}`);
  return { start: passage.start, end: passage.end, quote: passage.text };
}

function show(document, span) {
  const cut = slicer(document.text);
  const found = locate(document.text, cut, span);
  if (!found) notice("The document has changed since it was cited: the quoted passage is not in it any more.");
  const elements = document.elements.length
    ? document.elements
    : [{ kind: "text", start: 0, end: length(document.text), page: null }];
  const at = found ? elements.findIndex((element) => element.end > found.start) : 0;
  const first = Math.max(0, at - MOST_ELEMENTS / 2);
  const shown = elements.slice(first, first + MOST_ELEMENTS);
  if (shown.length < elements.length) notice("This document is long: the part around the passage is shown.");
  const container = $("reader-text");
  container.replaceChildren(...blocks(shown, cut, found));
  const mark = container.querySelector("mark");
  $("to-passage").hidden = !mark;
  if (mark) mark.scrollIntoView({ block: "center" });
  else container.scrollTop = 0;
}

/** The quote's place in the text: where it was said to be, else wherever its words are. */
function locate(text, cut, { start, end, quote }) {
  if (cut(start, end) === quote) return { start, end };
  const unit = text.indexOf(quote);
  if (unit < 0) return null;
  const before = length(text.slice(0, unit));
  return { start: before, end: before + length(quote) };
}

function* blocks(elements, cut, found) {
  let page = null;
  for (const element of elements) {
    if (element.page != null && element.page !== page) {
      page = element.page;
      yield make("p", { className: "page" }, `Page ${page}`);
    }
    const className = KINDS[element.kind] ?? "plain";
    const block = make(className === "heading" ? "h3" : "p", { className });
    block.append(...marked(element, cut, found));
    yield block;
  }
}

/** An element's text, with what of it is in the passage marked. */
function marked({ start, end }, cut, found) {
  if (!found || found.end <= start || found.start >= end) return [cut(start, end)];
  const from = Math.max(start, found.start);
  const to = Math.min(end, found.end);
  return [cut(start, from), make("mark", {}, cut(from, to)), cut(to, end)].filter(Boolean);
}

function notice(text) {
  $("reader-notice").append(make("p", { className: "notice", role: "status" }, text));
}

async function download(event) {
  if (!key.get()) return; // the link itself does it
  event.preventDefault();
  try {
    const url = URL.createObjectURL(await getBlob($("download").getAttribute("href")));
    const name = $("reader-title").textContent;
    make("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (error) {
    notice(error.message);
  }
}

$("download").addEventListener("click", download);
$("close-reader").addEventListener("click", () => dialog.close());
$("to-passage").addEventListener("click", () => {
  dialog.querySelector("mark")?.scrollIntoView({ block: "center" });
  $("reader-text").focus({ preventScroll: true });
});
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
