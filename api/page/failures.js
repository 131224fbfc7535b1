// For administrators: the documents that couldn't be taken in, why, and trying them again.

import { getJson, make, post, visible } from "./client.js";
import { loadOutdated } from "./outdated.js";
import { minute, t, tOr } from "./texts.js";

const $ = (id) => document.getElementById(id);
const dialog = $("failures");
const PAGE = 50;

let shown = 0;

async function load(from) {
  try {
    const found = await getJson(`/v1/failures?limit=${PAGE}&offset=${from}`);
    const { failures, total, warnings, total_warnings: warned } = found;
    if (!from) $("failure-list").replaceChildren();
    $("failure-list").append(...failures.map(row), ...warnings.map(warning));
    shown = from + PAGE;
    const said = [total ? t("failures.count", { n: total }) : t("failures.none")];
    if (warned) said.push(t("failures.warned", { n: warned }));
    $("failure-count").textContent = said.join(" ");
    $("more-failures").hidden = shown >= Math.max(total, warned);
    $("retry-failures").hidden = !total;
    if (!from) await loadOutdated();
  } catch (error) {
    $("failure-count").textContent = error.message;
  }
}

function row(failure) {
  const stage = tOr(`failures.${failure.stage}`, failure.stage);
  const failed = t("failures.how", { stage, cause: failure.error_class, n: failure.attempts });
  const button = make("button", { type: "button", className: "link" }, t("failures.retry"));
  button.setAttribute("aria-label", t("failures.retry_one", { name: visible(failure.external_id) }));
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
  const seen = { first: minute(first), last: minute(last) };
  return t(seen.first === seen.last ? "failures.seen" : "failures.first_seen", seen);
}

function whatHelps({ stage, retryable }) {
  if (stage === "list") return t("failures.next_list");
  if (retryable) return t("failures.next_retry");
  return t("failures.next_change");
}

/** Try all of them again, or one; `button` rests meanwhile. */
async function retry(button, document) {
  button.disabled = true;
  try {
    const which = document === undefined ? "" : `?document_id=${encodeURIComponent(document)}`;
    const { retried } = await post(`/v1/failures/retry${which}`);
    const said = document !== undefined && !retried ? t("failures.running") : t("failures.retried", { n: retried });
    $("failure-said").textContent = said;
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
