// One answer on the page: its text, its footnotes, and what else is to be said about it.

import { length, make, slicer, visible } from "./client.js";
import { openReader, placeOf } from "./reader.js";

const $ = (id) => document.getElementById(id);
const STAGES = {
  rewrite: "Understanding the question…",
  retrieve: "Searching the documents…",
  rerank: "Picking the best passages…",
  generate: "Writing the answer…",
  verify: "Checking the footnotes…",
};
const WITHOUT = {
  llm: "The language model didn’t answer, so this answer is made of sentences taken word for word from the documents.",
  vector: "Search by meaning is not available right now: only the words of your question were searched for.",
  lexical: "Search by words is not available right now: only the meaning of your question was searched for.",
  incomplete: "The language model broke off: what you see is not complete.",
  links: "A link or address that is in none of the documents was taken out of this answer.",
  uncited: "No footnotes: the model named no source for what it wrote. Read it with care.",
  reranker: "The passages could not be put into their best order.",
};

/** Shows one answer as its events come. */
export class AnswerView {
  #text = "";
  #citations = [];
  #notes = [];
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
    $("asked").textContent = question;
    $("result").hidden = false;
    this.#progress(STAGES.retrieve);
  }

  /** Take one event of the stream. */
  take(name, data) {
    const handle = {
      meta: () => (this.#meta = data),
      stage: () => data.state === "started" && this.#progress(STAGES[data.name] ?? "Working…"),
      sources: () => data.sources.forEach((source) => this.#sources.set(source.number, source)),
      token: () => (this.#text += data.text),
      citation: () => this.#cite(data),
      abstain: () => this.#abstain(data),
      done: () => this.#done(data),
    }[name];
    handle?.();
    if (name === "token" || name === "citation") this.#draw();
  }

  /** The answer ended without an end: show why. */
  fail(problem) {
    this.#finish();
    const box = make("div", { className: "notice bad" }, make("strong", {}, problem.message));
    if (this.#text) box.append(make("span", { className: "small" }, "What you see above is not complete."));
    if (problem.requestId) box.append(make("span", { className: "small" }, `Request ${problem.requestId}`));
    if (problem.status === 401) box.append(askForKey());
    $("notices").append(box);
    this.#announce(problem.message);
  }

  /** The reader stopped it. */
  stop() {
    this.#finish();
    this.#notice("Stopped. What you see is not complete.");
  }

  #progress(text) {
    $("progress").hidden = false;
    $("progress-text").textContent = text;
  }

  #cite(citation) {
    const same = (note) => note.number === citation.number && note.quote_start === citation.quote_start;
    let index = this.#notes.findIndex(same);
    if (index < 0) index = this.#notes.push({ ...this.#sources.get(citation.number), ...citation }) - 1;
    this.#citations.push({ start: citation.answer_start, end: citation.answer_end, note: index });
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
    const total = length(this.#text);
    const ordered = [...this.#citations].sort((a, b) => a.end - b.end);
    const pieces = [];
    let at = 0;
    for (const [order, { start, end, note }] of ordered.entries()) {
      const from = Math.max(at, Math.min(start, total));
      const to = Math.max(from, Math.min(end, total));
      if (from > at) pieces.push(visible(cut(at, from)));
      if (to > from) pieces.push(make("span", { className: "cited" }, cut(from, to)));
      pieces.push(this.#reference(order, note));
      at = to;
    }
    pieces.push(visible(cut(at, total)));
    $("answer").replaceChildren(...pieces);
    if (focused) document.querySelector(`[data-ref="${focused}"]`)?.focus();
    this.#renderNotes();
  }

  #reference(order, index) {
    const note = this.#notes[index];
    const button = make("button", { type: "button", className: "ref" }, String(index + 1));
    button.dataset.ref = order;
    button.setAttribute("aria-label", `Footnote ${index + 1}: ${visible(note.title ?? "source")}`);
    button.setAttribute("aria-haspopup", "dialog");
    button.addEventListener("click", () => open(note, () => document.querySelector(`[data-ref="${order}"]`)));
    const sup = make("sup", {}, button);
    for (const [event, lit] of [["mouseenter", true], ["mouseleave", false], ["focusin", true], ["focusout", false]])
      sup.addEventListener(event, () => cited(sup)?.classList.toggle("lit", lit));
    return sup;
  }

  #renderNotes() {
    $("notes").hidden = !this.#notes.length;
    const list = $("footnotes");
    for (const [index, note] of this.#notes.entries()) {
      if (list.children[index]) continue;
      const button = passageButton(note, String(index + 1));
      button.id = `note-${index + 1}`;
      list.append(make("li", {}, button));
    }
  }

  #abstain({ reason, nearest }) {
    this.#notice(reason);
    $("nearest").hidden = !nearest.length;
    $("nearest-list").replaceChildren(...nearest.map((source) => make("li", {}, passageButton(source))));
  }

  #done({ degraded, finish_reason: reason }) {
    this.#finish();
    if (reason === "length") this.#notice("The answer was cut off: it had reached the greatest length allowed.");
    for (const entry of degraded) {
      const [part, why = ""] = entry.split(/:\s*(.*)/s);
      if (why === "off" || why === "none set") continue; // a choice of whoever runs this, not a failure
      this.#notice(WITHOUT[part] ?? `This answer had to do without: ${part}.`, why);
    }
    const verbatim = this.#meta.model === "extractive" || degraded.some((entry) => entry.startsWith("llm:"));
    const author = verbatim ? "Taken word for word from the documents" : `Written by ${this.#meta.model}`;
    const seconds = `${((performance.now() - this.#began) / 1000).toFixed(1)} s`;
    if (this.#text) $("colophon").textContent = `${author}, in ${seconds}. Check what matters in its source.`;
    const count = this.#notes.length;
    if (this.#text) this.#announce(`The answer is complete, with ${count} footnote${count === 1 ? "" : "s"}.`);
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

function passageButton(place, number = "") {
  const body = make("span", {}, make("span", { className: "title" }, place.title ?? "Untitled"));
  const where = placeOf(place);
  if (where) body.append(make("span", { className: "place" }, where));
  if (place.quote) body.append(make("q", {}, shorten(place.quote)));
  const button = make("button", { type: "button", className: "note" });
  if (number) button.append(make("span", { className: "n" }, number));
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
  const button = make("button", { type: "button", className: "link" }, "Enter a key");
  button.addEventListener("click", () => $("open-key").click());
  return button;
}
