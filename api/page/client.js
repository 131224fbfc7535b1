// How the page talks to the service: the key, JSON, and the answer's stream of events.

import { t } from "./texts.js";

const KEY = "footnote.key";

/** The reader's key: kept for this tab only, and sent nowhere but here. */
export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

/** The token of a session: the page sends it with whatever changes something, and no other page knows it. */
export const session = { csrf: "" };

/** What went wrong, in words for the reader; `status` is 0 when the service wasn't reached. */
export class Problem extends Error {
  constructor(told) {
    const { detail, title, status = 0, request_id: requestId = "" } = told;
    super(detail ?? title ?? t("page.wrong"));
    this.status = status;
    this.requestId = requestId;
    this.told = told;
  }
}

async function request(path, options = {}) {
  const headers = new Headers(options.headers);
  if (key.get() && !headers.has("Authorization")) headers.set("Authorization", `Bearer ${key.get()}`);
  if (session.csrf && options.method) headers.set("X-Footnote-CSRF", session.csrf);
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ detail: t("page.unreachable") });
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new Problem({ status: response.status, title: t("page.status", { status: String(response.status) }), ...body });
}

export const getJson = async (path) => (await request(path)).json();

/** Whom a key speaks for, before it is used. Throws a Problem if the service doesn't know it. */
export async function whoHas(candidate) {
  if (!/^[\x21-\x7e]+$/.test(candidate)) throw new Problem({ detail: t("key.letters") });
  return (await request("/v1/me", { headers: { Authorization: `Bearer ${candidate}` } })).json();
}

export const post = async (path) => (await request(path, { method: "POST" })).json();

/** Send JSON with any method; the JSON that comes back, null for none. */
export async function send(method, path, body) {
  const json = body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await request(path, { method, ...json });
  return response.status === 204 ? null : response.json();
}

/** Send a file's bytes; the JSON that comes back. */
export async function sendFile(path, file) {
  const headers = { "Content-Type": file.type || "application/octet-stream" };
  return (await request(path, { method: "PUT", headers, body: file })).json();
}

export const getBlob = async (path) => (await request(path)).blob();

const TRIES = 5; // a stream that broke is taken up again so often, after longer and longer waits

/** A trace that begins here, as W3C Trace Context writes it: the service and its workers go on with it. */
function newTrace() {
  const hex = (bytes) => [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, "0"));
  return `00-${hex(16).join("")}-${hex(8).join("")}-01`;
}

/**
 * Ask, and hand over each event of the answer as it comes: `onEvent(name, data)`. A stream that breaks goes on.
 * Resolves after the terminal event. Throws a Problem if there is none, and AbortError if `signal` is aborted.
 */
export async function ask(body, signal, onEvent) {
  const response = await request("/v1/answers", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream", traceparent: newTrace() },
    body: JSON.stringify(body),
    signal,
  });
  await readToItsEnd(response, "", signal, onEvent);
}

/** Take up an answer that is still being written, from its first event. */
export async function takeUp(answer, signal, onEvent) {
  await readToItsEnd(await goOn(answer, "", signal), "", signal, onEvent);
}

const goOn = (answer, last, signal) =>
  request(`/v1/answers/${answer}/events`, { headers: last ? { "Last-Event-ID": last } : {}, signal });

async function readToItsEnd(response, last, signal, onEvent) {
  for (let tries = 0; ; tries += 1) {
    const end = response ? await readStream(response, last, onEvent) : { last };
    if (end.ended) return;
    if (end.last !== last) tries = 0;
    last = end.last;
    if (!last || tries >= TRIES) break;
    await new Promise((resolve) => setTimeout(resolve, 400 * 2 ** tries));
    response = await goOn(last.split(".")[0], last, signal).catch((problem) => {
      if (problem.name === "AbortError" || problem.status) throw problem;
      return null; // the service isn't reached: it may be in a while
    });
  }
  throw new Problem({ detail: t("page.broken") });
}

/** Read a stream as far as it goes: whether to its end, and the id of the last event. */
async function readStream(response, last, onEvent) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  let ended = false;
  for (;;) {
    const { done, value } = await reader.read().catch((error) => {
      if (error.name === "AbortError") throw error;
      return { done: true };
    });
    if (done) break;
    buffer += value;
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      const event = parse(block);
      if (!event) continue;
      if (event.name === "error") throw new Problem(event.data);
      ended ||= event.name === "done";
      last = event.id;
      onEvent(event.name, event.data);
    }
  }
  return { ended, last };
}

/** One block of the stream; null for a heartbeat. */
function parse(block) {
  let name = "message";
  let id = "";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("id: ")) id = line.slice(4);
    else if (line.startsWith("data: ")) data.push(line.slice(6));
  }
  return data.length ? { name, id, data: JSON.parse(data.join("\n")) } : null;
}

/** Offsets on the wire count Unicode characters, JavaScript's count UTF-16 units: a slicer for one text. */
export function slicer(text) {
  if (!/[\ud800-\udbff][\udc00-\udfff]/.test(text)) return (start, end) => text.slice(start, end);
  const points = Array.from(text);
  return (start, end) => points.slice(start, end).join("");
}

/** The length of a text in Unicode characters. */
export function length(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

// Embeddings, overrides and isolates show text in another order than it is written in; characters without width and
// tags hide in it. Joiners and marks that scripts and emoji need (ZWJ, ZWNJ, LRM, RLM) stay.
const DECEPTIVE = /[\u00ad\u034f\u180e\u200b\u2060-\u2064\u202a-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu;

/** Text as it is shown. What deceives readers is left out only here: offsets count the text as it is. */
export const visible = (text) => String(text ?? "").replace(DECEPTIVE, "");

/** Make an element: `make("p", {className: "x"}, "text", child)`. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.map((child) => (typeof child === "string" ? visible(child) : child)));
  return element;
}
