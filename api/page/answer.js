// One answer on the page: its text, its footnotes, and what else is to be said about it.

import { make, visible } from "./client.js";
import { drawnAnswer, keyOf } from "./drawing.js";
import { openReader, placeOf } from "./reader.js";
import { day, language, t, tOr } from "./texts.js";
import { markdownOf, richTextOf } from "./written.js";

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
    return markdownOf(this.#text, this.#citations, this.#notes);
  }

  /** The same as HTML. */
  get richText() {
    return richTextOf(this.#text, this.#citations, this.#notes);
  }

  /** What it cites, in the order in which its sources are numbered. */
  get cited() {
    return [...this.#notes].sort(([a], [b]) => a - b).flatMap(([, quotes]) => quotes);
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
    this.#citations.push({ start: citation.answer_start, end: citation.answer_end, note, key: keyOf(citation) });
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
    const mark = (note, order) => this.#reference(order, note);
    $("answer").replaceChildren(...drawnAnswer(this.#text, this.#citations, this.#verdicts, mark));
    if (focused) document.querySelector(`[data-ref="${focused}"]`)?.focus();
    this.#renderNotes();
  }

  #reference(order, note) {
    const button = make("button", { type: "button", className: "ref" }, String(note.number));
    button.dataset.ref = order;
    button.setAttribute("aria-label", t("notes.reference", { number: String(note.number), title: visible(note.title ?? t("notes.source")) }));
    button.setAttribute("aria-haspopup", "dialog");
    button.addEventListener("click", () => this.#open(note, () => document.querySelector(`[data-ref="${order}"]`)));
    const sup = make("sup", {}, button);
    for (const [event, lit] of [["mouseenter", true], ["mouseleave", false], ["focusin", true], ["focusout", false]])
      sup.addEventListener(event, () => cited(sup)?.classList.toggle("lit", lit));
    return sup;
  }

  /** Open a passage, beside which the reader may step through all that are cited of its document. */
  #open(place, opener) {
    const siblings = this.cited.filter(({ document_id: id }) => id === place.document_id);
    siblings.sort((a, b) => (a.quote_start ?? 0) - (b.quote_start ?? 0));
    openReader(place, { onClose: () => opener()?.focus(), passages: siblings.includes(place) ? siblings : [place] });
  }

  #renderNotes() {
    $("notes").hidden = !this.#notes.size;
    const list = $("footnotes");
    for (const [number, quotes] of this.#notes) {
      const id = `note-${number}`;
      let item = document.getElementById(id);
      if (!item) {
        item = make("li", { id, value: number, dir: "auto" });
        list.insertBefore(item, [...list.children].find((other) => other.value > number) ?? null);
      }
      for (const quote of quotes.slice(item.children.length)) {
        const above = quotes[item.children.length - 1];
        item.append(passageButton(quote, (button) => this.#open(quote, () => button), String(number), above));
      }
    }
  }

  #abstain({ reason, nearest }) {
    this.#notice(reason);
    $("nearest").hidden = !nearest.length;
    $("nearest-list").replaceChildren(...nearest.map((source) => make("li", {}, passageButton(source, (button) => this.#open(source, () => button)))));
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

function cited(sup) {
  let before = sup.previousElementSibling;
  while (before?.tagName === "SUP") before = before.previousElementSibling;
  return before;
}

/** A button that opens a passage; one below another of the same source tells only what is different. */
function passageButton(place, open, number = "", above = null) {
  const body = make("span", {});
  if (!above) body.append(make("span", { className: "title" }, place.title ?? t("notes.untitled")));
  const where = placeOf(place);
  if (where && !(above && placeOf(above) === where)) body.append(make("span", { className: "place" }, where));
  if (place.quote) body.append(make("q", {}, shorten(place.quote)));
  const button = make("button", { type: "button", className: "note" });
  if (number) button.append(make("span", { className: "n" }, above ? "" : number));
  button.append(body);
  button.setAttribute("aria-haspopup", "dialog");
  button.addEventListener("click", () => open(button));
  return button;
}

const shorten = (text) => {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > 320 ? `${flat.slice(0, 320).replace(/\s\S*$/, "")}…` : flat;
};

function askForKey() {
  const button = make("button", { type: "button", className: "link" }, t("key.enter"));
  button.addEventListener("click", () => $("open-key").click());
  return button;
}
