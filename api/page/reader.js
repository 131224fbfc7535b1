// The panel that shows a document's text with the cited passage marked.

import { getBlob, getJson, key, length, make, send, slicer, visible } from "./client.js";
import { lookOnlyIn } from "./filters.js";
import { PageView } from "./pages.js";
import { t } from "./texts.js";

const $ = (id) => document.getElementById(id);
const dialog = $("reader");
const MOST_ELEMENTS = 4000;
const KINDS = { title: "heading", list_item: "item", table: "mono", code: "mono" };

let opening = 0;
let opened = { place: null, passages: [] };
let read = { path: "", text: null }; // the document that was read last: stepping through its passages reads no other
let pages = null;
let preferred = "page"; // until the reader says otherwise

/** Where a passage is, for people: its page, its cells, or the headings above it. */
export function placeOf(source) {
  const cells = source.cells ?? [];
  const parts = [...cells];
  if (source.page != null) parts.unshift(t("reader.number", { number: String(source.page) }));
  const headings = (source.heading_path ?? []).filter((heading, depth) => depth || heading !== source.title);
  // A sheet is named by its cells already.
  const sheet = cells[0]?.replace(/!.*$/s, "");
  if (headings.length && headings.join() !== sheet) parts.push(headings.join(" › "));
  return parts.join(" · ");
}

/**
 * Open a document at a passage.
 * `place`: {document_id, ordinal, title, page, heading_path} and, for a citation, {quote, quote_start, quote_end, boxes,
 * cells}; without ordinal and quote its beginning is shown. In an open panel the document takes the place of the other.
 * `passages`: all that can be stepped through, `place` among them.
 */
export async function openReader(place, { onClose = null, passages = [] } = {}) {
  const mine = ++opening;
  opened = { place, passages };
  offerSteps();
  const path = `/v1/documents/${encodeURIComponent(place.document_id)}`;
  $("reader-title").textContent = visible(place.title);
  $("reader-place").textContent = visible(placeOf(place));
  $("reader-notice").replaceChildren();
  $("reader-said").textContent = "";
  offerReport(place.document_id);
  $("reader-text").replaceChildren(make("p", { className: "place" }, t("reader.opening")));
  $("to-passage").hidden = true;
  usePages(null);
  $("download").href = `${path}/original`;
  if (onClose) dialog.addEventListener("close", onClose, { once: true });
  if (!dialog.open) dialog.showModal();
  $("reader-title").focus();
  try {
    const [document, span] = await Promise.all([textOf(path), spanOf(place, path)]);
    if (mine === opening && dialog.open) show(document, span, place, path);
  } catch (error) {
    if (mine !== opening) return;
    $("reader-text").replaceChildren();
    notice(error.status === 404 ? t("reader.gone") : error.message);
  }
}

async function textOf(path) {
  if (read.path !== path) read = { path, text: await getJson(`${path}/text`) };
  return read.text;
}

/** Let the reader go on to the passages before and behind this one. */
function offerSteps() {
  const { place, passages } = opened;
  const at = passages.indexOf(place);
  $("steps").hidden = passages.length < 2;
  $("passage-number").textContent = t("reader.passage_of", { number: String(at + 1), count: String(passages.length) });
  $("passage-before").disabled = at <= 0;
  $("passage-after").disabled = at >= passages.length - 1;
}

async function step(by) {
  const { place, passages } = opened;
  const next = passages[passages.indexOf(place) + by];
  if (!next) return;
  const had = document.activeElement;
  await openReader(next, { passages });
  // A button that is switched off loses the focus.
  (had?.disabled || !had?.isConnected ? $("reader-title") : had).focus({ preventScroll: true });
}

let reportable = null;

/** The kept answer whose sources a reader may call outdated; null where there is none. */
export function reportFor(answer) {
  reportable = answer;
}

function offerReport(document) {
  const button = $("report-outdated");
  const answer = reportable;
  button.hidden = !answer?.documents.has(document);
  button.disabled = false;
  button.onclick = async () => {
    button.disabled = true;
    try {
      await send("POST", `/v1/answers/${answer.id}/outdated`, { document_id: document });
      $("reader-said").textContent = t("reader.reported");
    } catch (error) {
      $("reader-said").textContent = error.message;
      button.disabled = false;
    }
  };
}

async function spanOf(place, path) {
  if (!place.quote && place.ordinal == null) return null; // a link leads to the whole document
  const { quote, quote_start: start, quote_end: end, boxes = [], cells = [] } = place;
  if (quote) return { start, end, quote, boxes, cells };
  const passage = await getJson(`${path}/chunks/${place.ordinal}`);
  return { boxes: [], cells: [], ...passage, quote: passage.text, whole: true };
}

function show(document, span, place, path) {
  const cut = slicer(document.text);
  const found = span && locate(document.text, cut, span);
  const unquoted = Boolean(found) && Boolean(span.whole) && "quote" in place;
  if (unquoted) {
    found.className = "passage";
    notice(t("reader.unquoted"));
  }
  if (span && !found) notice(t("reader.changed"));
  const elements = document.elements.length
    ? document.elements
    : [{ kind: "text", start: 0, end: length(document.text), page: null }];
  const links = document.links ?? [];
  const at = found ? elements.findIndex((element) => element.end > found.start) : 0;
  const first = Math.max(0, at - MOST_ELEMENTS / 2);
  const shown = elements.slice(first, first + MOST_ELEMENTS);
  if (shown.length < elements.length) notice(t("reader.long"));
  const container = $("reader-text");
  if (!span) $("reader-title").textContent = visible(document.title);
  container.replaceChildren(...blocks(shown, cut, found, links));
  $("to-passage").hidden = !found;
  const unmoved = Boolean(found) && found.start === span.start;
  $("reader-place").textContent = visible(placeOf({ ...place, cells: unmoved ? span.cells : [] }));
  if (document.media_type === "application/pdf" && document.pages.length) {
    const { title, page } = place;
    const boxes = unmoved ? span.boxes : [];
    const events = { onTurn: turned, onFail: pageFailed };
    usePages(new PageView($("reader-page"), { path, title, page, pages: document.pages, boxes, quote: span?.quote ?? "", ...events }));
  }
  choose(pages ? preferred : "text");
}

/** Offer the pages beside the text, or, for a document without any, the text alone. */
function usePages(view) {
  pages?.close();
  pages = view;
  $("views").hidden = !view;
  if (!view) choose("text");
}

/** Show the document as its page or as its text, at the passage. */
function choose(view) {
  const asPage = view === "page" && pages !== null;
  $("reader-page").hidden = !asPage;
  $("reader-text").hidden = asPage;
  $("turn").hidden = !asPage;
  $("view-page").setAttribute("aria-pressed", String(asPage));
  $("view-text").setAttribute("aria-pressed", String(!asPage));
  toPassage();
}

function toPassage() {
  if (!$("reader-page").hidden) {
    pages.showPassage();
    return;
  }
  const mark = $("reader-text").querySelector("mark");
  if (mark) mark.scrollIntoView({ block: "center" });
  else $("reader-text").scrollTop = 0;
}

function turned(number) {
  $("page-number").textContent = t("reader.number_of", { number: String(number), count: String(pages.count) });
  $("page-before").disabled = number <= 1;
  $("page-after").disabled = number >= pages.count;
}

function pageFailed(error) {
  choose("text");
  notice(t("reader.no_image", { why: error.message }));
}

/** The quote's place in the text: where it was said to be, else wherever its words are. */
function locate(text, cut, { start, end, quote }) {
  if (cut(start, end) === quote) return { start, end };
  const unit = text.indexOf(quote);
  if (unit < 0) return null;
  const before = length(text.slice(0, unit));
  return { start: before, end: before + length(quote) };
}

function* blocks(elements, cut, found, links) {
  let page = null;
  let next = 0;
  for (const element of elements) {
    if (element.page != null && element.page !== page) {
      page = element.page;
      yield make("p", { className: "page" }, t("reader.number", { number: String(page) }));
    }
    const className = KINDS[element.kind] ?? "plain";
    const block = make(className === "heading" ? "h3" : "p", { className });
    let at = element.start;
    while (next < links.length && links[next].start < at) next += 1;
    for (; next < links.length && links[next].end <= element.end; next += 1) {
      const link = links[next];
      block.append(...marked({ start: at, end: link.start }, cut, found), anchor(link, marked(link, cut, found)));
      at = link.end;
    }
    block.append(...marked({ start: at, end: element.end }, cut, found));
    yield block;
  }
}

/** A link of the document: out in a tab of its own that knows nothing of this one, or to another document here. */
function anchor({ href, document_id: id }, words) {
  if (id) {
    const button = make("button", { type: "button", className: "link inline" }, ...words);
    button.addEventListener("click", () => openReader({ document_id: id, title: button.textContent }));
    return button;
  }
  // The service tells no others: looked at again, for this is where they would do harm.
  if (!/^(?:https?:|mailto:)/i.test(href)) return make("span", {}, ...words);
  return make("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...words);
}

/** A stretch of the text, with what of it is in the passage marked. */
function marked({ start, end }, cut, found) {
  if (!found || found.end <= start || found.start >= end) return [visible(cut(start, end))].filter(Boolean);
  const from = Math.max(start, found.start);
  const to = Math.min(end, found.end);
  return [visible(cut(start, from)), make("mark", { className: found.className ?? "" }, cut(from, to)), visible(cut(to, end))].filter(Boolean);
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
  toPassage();
  const shown = $("reader-page").hidden ? $("reader-text") : $("reader-page");
  shown.focus({ preventScroll: true });
});
for (const view of ["page", "text"])
  $(`view-${view}`).addEventListener("click", () => {
    preferred = view;
    choose(view);
  });
for (const [id, step] of [["page-before", -1], ["page-after", 1]])
  $(id).addEventListener("click", () => {
    const had = document.activeElement;
    pages.show(pages.shown + step);
    // A button that is switched off loses the focus: the page gets it, not the top of the panel.
    if (had?.disabled) $("reader-page").focus({ preventScroll: true });
  });
$("enlarge").addEventListener("click", () => {
  const large = $("reader-page").classList.toggle("large");
  $("enlarge").setAttribute("aria-pressed", String(large));
  pages.toMark();
});
$("passage-before").addEventListener("click", () => step(-1));
$("passage-after").addEventListener("click", () => step(1));
$("only-this").addEventListener("click", () => {
  const { document_id } = opened.place;
  dialog.close();
  lookOnlyIn([{ document_id, title: $("reader-title").textContent }]);
  $("question").focus();
});
dialog.addEventListener("close", () => {
  usePages(null);
  read = { path: "", text: null }; // who opens it next may be somebody else, and it may have changed
});
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
