// One answer on the page: its text, its footnotes, and what else is to be said about it.

import { blocksOf, columnsOf, leavesOf } from "./blocks.js";
import { length, make, slicer, visible } from "./client.js";
import { openReader, placeOf } from "./reader.js";
import { day, language, t, tOr } from "./texts.js";

const $ = (id) => document.getElementById(id);

/** Shows one answer as its events come. */
export class AnswerView {
  #text = "";
  #citations = [];
  #verdicts = [];
  #notes = new Map(); // by the number of their source: its quotes, in the order in which they were cited
  #sources = new Map();
  #meta = {};
  #announced = 0;
  #frame = 0;
  #began = performance.now();

  constructor(question) {
    for (const id of ["answer", "footnotes", "nearest-list", "notices"]) $(id).replaceChildren();
    for (const id of ["notes", "nearest"]) $(id).hidden = true;
    $("announcer").replaceChildren();
    $("colophon").textContent = "";
    $("tools").hidden = true;
    $("asked").textContent = question;
    $("result").hidden = false;
    this.#progress(t("stage.retrieve"));
  }

  /** Take one event of the stream. */
  take(name, data) {
    const handle = {
      meta: () => (this.#meta = data),
      stage: () => this.#stage(data),
      sources: () => data.sources.forEach((source) => this.#sources.set(source.number, source)),
      token: () => (this.#text += data.text),
      citation: () => this.#cite(data),
      verdict: () => this.#verdicts.push(data),
      abstain: () => this.#abstain(data),
      done: () => this.#done(data),
    }[name];
    handle?.();
    if (["token", "citation", "verdict"].includes(name)) this.#draw();
  }

  /** The answer ended without an end: show why. */
  fail(problem) {
    this.#finish();
    const box = make("div", { className: "notice bad" }, make("strong", {}, problem.message));
    if (this.#text) box.append(make("span", { className: "small" }, t("answer.partial")));
    if (problem.requestId) box.append(make("span", { className: "small" }, t("answer.request", { id: problem.requestId })));
    if (problem.status === 401) box.append(askForKey());
    $("notices").append(box);
    this.#announce(problem.message);
  }

  /** The reader stopped it. */
  stop() {
    this.#finish();
    this.#notice(t("answer.stopped"));
  }

  /** What was written so far, without its footnotes. */
  get text() {
    return this.#text;
  }

  /** The ids of the answer and of its conversation, once they are known. */
  get ids() {
    return { answer: this.#meta.answer_id, conversation: this.#meta.conversation_id };
  }

  /** Show an answer that was kept, as far as its reader may see it. */
  replay(turn) {
    const { answer, sources } = turn;
    this.take("meta", { answer_id: turn.answer_id, model: answer?.model, kept: turn.asked_at });
    this.take("sources", { sources });
    if (turn.withheld) {
      this.#finish();
      this.#notice(t("answer.withheld"));
      return;
    }
    if (!answer) {
      this.#finish();
      this.#notice(t("answer.none"));
      return;
    }
    this.take("token", { text: answer.answer });
    for (const citation of answer.citations) this.take("citation", citation);
    for (const verdict of answer.verdicts) this.take("verdict", verdict);
    if (answer.abstained) this.take("abstain", answer.abstained);
    this.take("done", answer.done);
    const changed = [...new Set(sources.filter((source) => source.changed).map(({ title }) => title))];
    if (changed.length) this.#notice(t("answer.changed", { titles: changed.join(" · ") }));
  }

  /** The answer as Markdown, its quotes as footnotes. */
  get markdown() {
    const cut = slicer(this.#text);
    const ends = [...this.#citations].sort((a, b) => a.end - b.end);
    let [written, at] = ["", 0];
    for (const { end, note } of ends) {
      const mark = `[^${note.number}]`;
      written += visible(cut(at, Math.max(at, end)));
      if (end > at || !written.endsWith(mark)) written += mark;
      at = Math.max(at, end);
    }
    written += visible(cut(at, length(this.#text)));
    const notes = [...this.#notes].sort(([a], [b]) => a - b).map(([number, quotes]) => {
      const said = quotes.filter(({ quote }) => quote).map(({ quote }) => `“${quote.replace(/\s+/g, " ").trim()}”`);
      const where = [`**${quotes[0].title ?? t("notes.untitled")}**`, placeOf(quotes[0])].filter(Boolean).join(", ");
      return visible(`[^${number}]: ${[where, ...said].join(". ")} ${quotes[0].uri ?? ""}`.trim());
    });
    return [written.trim(), ...notes].join("\n\n") + "\n";
  }

  #stage({ name, state, queries = [] }) {
    if (state === "started") this.#progress(tOr(`stage.${name}`, t("stage.other")));
    else if (queries.length) this.#notice(t("answer.searched", { queries: queries.join(" · ") }));
  }

  #progress(text) {
    $("progress").hidden = false;
    $("progress-text").textContent = text;
  }

  #cite(citation) {
    const quotes = this.#notes.get(citation.number) ?? [];
    this.#notes.set(citation.number, quotes);
    let note = quotes.find((quote) => quote.quote_start === citation.quote_start);
    if (!note) quotes.push((note = { ...this.#sources.get(citation.number), ...citation }));
    this.#citations.push({ start: citation.answer_start, end: citation.answer_end, note });
  }

  #draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#render();
      this.#speak(false);
    });
  }

  #render() {
    const focused = document.activeElement?.dataset?.ref;
    const cut = slicer(this.#text);
    const blocks = blocksOf(this.#text);
    const show = this.#inline(cut, blocks.flatMap(leavesOf));
    $("answer").replaceChildren(...blocks.map((block) => drawn(block, show)));
    if (focused) document.querySelector(`[data-ref="${focused}"]`)?.focus();
    this.#renderNotes();
  }

  /** What draws a stretch of the text, with the footnotes of what ends in it or before the next one. */
  #inline(cut, leaves) {
    const ordered = [...this.#citations].sort((a, b) => a.end - b.end).map((citation, order) => ({ ...citation, order }));
    const marks = new Map(leaves.map((leaf) => [leaf, []]));
    for (const citation of ordered) {
      const leaf = leaves.findLast(({ from }) => from < citation.end) ?? leaves[0];
      if (leaf) marks.get(leaf).push(citation);
    }
    const doubtful = this.#verdicts.filter(({ verdict }) => verdict === "unsupported" || verdict === "partial");
    return (leaf) => {
      const pieces = [];
      let at = leaf.from;
      const plain = (from, to) => pieces.push(...doubted(from, to, cut, doubtful));
      for (const citation of ordered) {
        const from = Math.max(at, citation.start);
        const to = Math.min(citation.end, leaf.to);
        if (to > from) {
          if (from > at) plain(at, from);
          pieces.push(make("span", { className: "cited" }, ...doubted(from, to, cut, doubtful)));
          at = to;
        }
        if (marks.get(leaf).includes(citation)) pieces.push(this.#reference(citation.order, citation.note));
      }
      if (leaf.to > at) plain(at, leaf.to);
      return pieces;
    };
  }

  #reference(order, note) {
    const button = make("button", { type: "button", className: "ref" }, String(note.number));
    button.dataset.ref = order;
    button.setAttribute("aria-label", t("notes.reference", { number: String(note.number), title: visible(note.title ?? t("notes.source")) }));
    button.setAttribute("aria-haspopup", "dialog");
    button.addEventListener("click", () => open(note, () => document.querySelector(`[data-ref="${order}"]`)));
    const sup = make("sup", {}, button);
    for (const [event, lit] of [["mouseenter", true], ["mouseleave", false], ["focusin", true], ["focusout", false]])
      sup.addEventListener(event, () => cited(sup)?.classList.toggle("lit", lit));
    return sup;
  }

  #renderNotes() {
    $("notes").hidden = !this.#notes.size;
    const list = $("footnotes");
    for (const [number, quotes] of this.#notes) {
      const id = `note-${number}`;
      let item = document.getElementById(id);
      if (!item) {
        item = make("li", { id, value: number });
        list.insertBefore(item, [...list.children].find((other) => other.value > number) ?? null);
      }
      for (const quote of quotes.slice(item.children.length)) {
        const above = quotes[item.children.length - 1];
        item.append(passageButton(quote, String(number), above));
      }
    }
  }

  #abstain({ reason, nearest }) {
    this.#notice(reason);
    $("nearest").hidden = !nearest.length;
    $("nearest-list").replaceChildren(...nearest.map((source) => make("li", {}, passageButton(source))));
  }

  #done(done) {
    const { degraded, notices = [], finish_reason: reason, model, cached = false } = done;
    const dropped = done.sentences_dropped ?? 0;
    this.#finish();
    this.#sum(dropped);
    for (const said of notices) this.#notice(said);
    if (reason === "stopped") this.#notice(t("answer.stopped"));
    if (reason === "length") this.#notice(t("answer.length"));
    for (const entry of degraded) {
      const [part, why = ""] = entry.split(/:\s*(.*)/s);
      this.#notice(tOr(`without.${part}`, t("without.other", { part })), why);
    }
    const verbatim = this.#meta.model === "extractive" || degraded.some((entry) => entry.startsWith("llm:"));
    const author = verbatim ? t("answer.verbatim") : t("answer.written", { model: model ?? this.#meta.model });
    const { kept } = this.#meta;
    const when = kept ? t("answer.on", { day: day(kept) }) : cached ? t("answer.cached") : t("answer.took", { seconds: this.#seconds() });
    if (this.#text) $("colophon").textContent = t("answer.colophon", { author, when });
    if (this.#text) this.#announce(t("answer.complete", { n: this.#notes.size }));
  }

  #seconds() {
    const tenths = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
    return ((performance.now() - this.#began) / 1000).toLocaleString(language, tenths);
  }

  /** One line on what the check found, where it found anything to say. */
  #sum(dropped) {
    const claims = this.#verdicts.filter(({ verdict }) => verdict !== "not_a_claim");
    const doubtful = claims.filter(({ verdict }) => verdict !== "supported").length;
    const parts = [];
    if (doubtful) parts.push(t("answer.doubtful", { n: doubtful, of: claims.length }));
    if (dropped) parts.push(t("answer.dropped", { n: dropped }));
    if (parts.length && this.#text) this.#notice(parts.join(" "));
  }

  #finish() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#render();
    this.#speak(true);
    $("progress").hidden = true;
  }

  #notice(text, why = "") {
    const box = make("p", { className: "notice" }, text);
    if (why) box.append(make("span", { className: "small" }, why));
    $("notices").append(box);
    this.#announce(text);
  }

  /** Tell screen readers what is new, a whole sentence at a time: tokens one by one would be noise. */
  #speak(all) {
    const fresh = this.#text.slice(this.#announced);
    const sentences = all ? fresh : (fresh.match(/^[\s\S]*[.!?](?=\s)/)?.[0] ?? "");
    if (!sentences.trim()) return;
    this.#announced += sentences.length;
    this.#announce(sentences.trim());
  }

  #announce(text) {
    $("announcer").append(make("p", {}, text));
  }
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

function cited(sup) {
  let before = sup.previousElementSibling;
  while (before?.tagName === "SUP") before = before.previousElementSibling;
  return before;
}

/** A block of the answer as elements; `show` draws a stretch of its text. */
function drawn(block, show) {
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

/** A button that opens a passage; one below another of the same source tells only what is different. */
function passageButton(place, number = "", above = null) {
  const body = make("span", {});
  if (!above) body.append(make("span", { className: "title" }, place.title ?? t("notes.untitled")));
  const where = placeOf(place);
  if (where && !(above && placeOf(above) === where)) body.append(make("span", { className: "place" }, where));
  if (place.quote) body.append(make("q", {}, shorten(place.quote)));
  const button = make("button", { type: "button", className: "note" });
  if (number) button.append(make("span", { className: "n" }, above ? "" : number));
  button.append(body);
  button.setAttribute("aria-haspopup", "dialog");
  button.addEventListener("click", () => open(place, () => button));
  return button;
}

const shorten = (text) => {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > 320 ? `${flat.slice(0, 320).replace(/\s\S*$/, "")}…` : flat;
};

function open(place, opener) {
  openReader(place, () => opener()?.focus());
}

function askForKey() {
  const button = make("button", { type: "button", className: "link" }, t("key.enter"));
  button.addEventListener("click", () => $("open-key").click());
  return button;
}
