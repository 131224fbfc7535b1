// For administrators: the documents that couldn't be taken in, why, and trying them again.

import { getJson, make, post, visible } from "./client.js";
import { loadOutdated } from "./outdated.js";

const $ = (id) => document.getElementById(id);
const dialog = $("failures");
const PAGE = 50;
const STAGES = { list: "looking at it", parse: "reading it", embed: "indexing it" };

let shown = 0;

async function load(from) {
  try {
    const found = await getJson(`/v1/failures?limit=${PAGE}&offset=${from}`);
    const { failures, total, warnings, total_warnings: warned } = found;
    if (!from) $("failure-list").replaceChildren();
    $("failure-list").append(...failures.map(row), ...warnings.map(warning));
    shown = from + PAGE;
    const secret = warned ? ` ${warned} with a warning about secrets.` : "";
    $("failure-count").textContent = (total ? count(total) : "Every document was taken in.") + secret;
    $("more-failures").hidden = shown >= Math.max(total, warned);
    $("retry-failures").hidden = !total;
    if (!from) await loadOutdated();
  } catch (error) {
    $("failure-count").textContent = error.message;
  }
}

const count = (total) => (total === 1 ? "1 document couldn’t be taken in." : `${total} documents couldn’t be taken in.`);

function row(failure) {
  const tried = failure.attempts === 1 ? "once" : `${failure.attempts} times`;
  const failed = `Failed at ${STAGES[failure.stage] ?? failure.stage} (${failure.error_class}), tried ${tried}.`;
  const button = make("button", { type: "button", className: "link" }, "Try again");
  button.setAttribute("aria-label", `Try ${visible(failure.external_id)} again`);
  button.addEventListener("click", () => retry(button, failure.document_id));
  return make(
    "li",
    {},
    make("p", { className: "title" }, failure.external_id),
    make("p", {}, failure.message),
    make("p", { className: "place" }, `${failed} ${when(failure)} ${whatHelps(failure)}`),
    button,
  );
}

/** A document that holds a secret, or a file that was left out because it is one: nothing to try again. */
function warning({ external_id: name, message }) {
  return make("li", {}, make("p", { className: "title" }, name), make("p", {}, message));
}

function when({ first_seen: first, last_seen: last }) {
  return minute(first) === minute(last) ? `Seen ${minute(last)}.` : `First seen ${minute(first)}, last ${minute(last)}.`;
}

const minute = (moment) => new Date(moment).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

function whatHelps({ stage, retryable }) {
  if (stage === "list") return "Every sync looks at it again.";
  if (retryable) return "It may pass by itself: the next sync tries it again.";
  return "It is tried again once the document changes, or what reads it.";
}

/** Try all of them again, or one; `button` rests meanwhile. */
async function retry(button, document) {
  button.disabled = true;
  try {
    const which = document === undefined ? "" : `?document_id=${encodeURIComponent(document)}`;
    const { retried } = await post(`/v1/failures/retry${which}`);
    const many = retried === 1 ? "1 document is being tried again." : `${retried} documents are being tried again.`;
    const said = document !== undefined && !retried ? "A sync that is running has it already." : many;
    $("failure-said").textContent = `${said} Look again in a while.`;
  } catch (error) {
    $("failure-said").textContent = error.message;
  } finally {
    button.disabled = false;
  }
}

function refresh() {
  $("failure-said").textContent = "";
  return load(0);
}

$("open-failures").addEventListener("click", () => {
  dialog.showModal();
  $("failures-title").focus();
  refresh();
});
$("refresh-failures").addEventListener("click", refresh);
$("more-failures").addEventListener("click", () => load(shown));
$("retry-failures").addEventListener("click", () => retry($("retry-failures")));
$("close-failures").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => $("open-failures").focus());
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
