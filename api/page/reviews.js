// For reviewers: one answer after the other, each claim beside its passages, scored by keyboard.

import { getJson, make, send, slicer } from "./client.js";
import { day, t } from "./texts.js";

const $ = (id) => document.getElementById(id);
const dialog = $("reviews");
const CRITERIA = ["groundedness", "relevance", "coherence", "faithfulness"];
const SCORES = ["1", "2", "3", "4", "5", "?"];
let pair = null;

async function loadNext() {
  pair = null;
  $("review-form").hidden = true;
  $("review-pair").replaceChildren();
  try {
    const [{ samples }, { pairs }] = await Promise.all([getJson("/v1/reviews"), getJson("/v1/reviews/next")]);
    $("review-progress").textContent = progressOf(samples);
    if (!pairs.length) {
      $("review-pair").append(make("p", { className: "notice" }, t("reviews.nothing")));
      return;
    }
    show(pairs[0]);
  } catch (error) {
    $("review-progress").textContent = error.message;
  }
}

function progressOf(samples) {
  const open = samples.filter(({ done, wanted }) => done < wanted);
  const told = open.map(({ sample, done, wanted, mine, due_at: due, overdue }) => {
    return t(overdue ? "reviews.overdue" : "reviews.due", { sample, done, wanted, mine, day: day(due) });
  });
  return told.join(" ") || t("reviews.done");
}

function show(next) {
  pair = next;
  const { question, answer } = next;
  const said = answer.answer || t("reviews.no_answer", { reason: answer.abstained?.reason ?? t("reviews.no_words") });
  $("review-pair").append(
    make("p", { className: "asked" }, question),
    make("p", { className: "answer" }, said),
    make("h3", {}, t("reviews.claims")),
    make("ul", { className: "failed claims" }, ...claimsOf(answer)),
  );
  $("review-form").reset();
  $("review-form").hidden = false;
  $("review-said").textContent = "";
  $("review-pair").scrollTop = 0;
  groups()[0].querySelector("input").focus();
}

/** Each span of the answer that is cited, with what it cites. */
function claimsOf({ answer, citations, sources }) {
  const cut = slicer(answer);
  const titles = new Map(sources.map(({ number, title }) => [number, title]));
  const claims = new Map();
  for (const citation of citations) {
    const claim = cut(citation.answer_start, citation.answer_end).trim();
    claims.set(claim, [...(claims.get(claim) ?? []), citation]);
  }
  if (!claims.size) return [make("li", {}, t("reviews.no_claims"))];
  return [...claims].map(([claim, cited]) => {
    const passages = cited.map(({ number, quote }) =>
      make("div", {}, make("p", { className: "place" }, `${number}. ${titles.get(number) ?? ""}`), make("q", {}, quote ?? "")),
    );
    return make("li", {}, make("p", { className: "title" }, claim), ...passages);
  });
}

const groups = () => [...$("review-scores").children];
const chosen = (group) => group.querySelector("input:checked")?.value;

function groupOf(name) {
  const choices = SCORES.map((value) => {
    const input = make("input", { type: "radio", name, value });
    return make("label", {}, input, value === "?" ? t("reviews.unsure") : value);
  });
  return make("fieldset", {}, make("legend", {}, t(`reviews.${name}`)), make("div", { className: "scores" }, ...choices));
}

/** A digit or ? scores the criterion that has the focus, else the first without a score, and goes on to the next. */
function pressed(event) {
  if (!pair || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("textarea, select")) return;
  if (!SCORES.includes(event.key)) return;
  const group = event.target.closest("fieldset") ?? groups().find((one) => !chosen(one));
  if (!group) return;
  event.preventDefault();
  group.querySelector(`input[value="${event.key}"]`).checked = true;
  const next = groups().find((one) => !chosen(one));
  (next ? next.querySelector("input") : $("save-review")).focus();
}

async function save(event) {
  event.preventDefault();
  const missing = groups().find((one) => !chosen(one));
  if (missing) {
    $("review-said").textContent = t("reviews.missing");
    missing.querySelector("input").focus();
    return;
  }
  const scores = groups().map((one, at) => [CRITERIA[at], chosen(one) === "?" ? null : Number(chosen(one))]);
  const more = { cause: $("review-cause").value || null, comment: $("review-comment").value };
  $("save-review").disabled = true;
  try {
    await send("PUT", `/v1/reviews/${pair.id}`, { ...Object.fromEntries(scores), ...more });
    await loadNext();
  } catch (error) {
    if (error.status === 409 || error.status === 404) await loadNext(); // somebody was quicker, or it went
    $("review-said").textContent = error.message;
  } finally {
    $("save-review").disabled = false;
  }
}

$("review-scores").append(...CRITERIA.map(groupOf));
$("open-reviews").addEventListener("click", () => {
  dialog.showModal();
  $("reviews-title").focus();
  loadNext();
});
$("review-form").addEventListener("submit", save);
dialog.addEventListener("keydown", pressed);
$("close-reviews").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => $("open-reviews").focus());
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
