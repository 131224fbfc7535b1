// What can be done with an answer: say whether it helps, copy, ask again, edit its question.

import { make, send } from "./client.js";
import { reportFor } from "./reader.js";
import { t } from "./texts.js";

const $ = (id) => document.getElementById(id);
const REASONS = ["wrong", "incomplete", "off_topic", "wrong_source", "outdated", "unclear"];
let shown = null; // {view, question, kept, rating}

/** Offer what can be done with this answer; `kept` tells whether the service keeps it, `mine` whose it is. */
export function offerTools({ view, question, kept, mine = true, feedback = null, documents = [] }) {
  shown = { view, question, rating: feedback?.rating ?? null };
  const answer = view.ids.answer;
  reportFor(kept && answer ? { id: answer, documents: new Set(documents) } : null);
  $("tools").hidden = false;
  $("tools-said").textContent = "";
  $("why").hidden = true;
  for (const id of ["thumb-up", "thumb-down"]) $(id).hidden = !kept;
  for (const id of ["again", "edit"]) $(id).hidden = !mine;
  $("open-share").hidden = !kept || !mine;
  $("only-these").hidden = !mine || !view.cited.length;
  press();
}

/** The answer that tools are offered for: `{view, question}`; null for none. */
export const current = () => shown;

function press() {
  $("thumb-up").setAttribute("aria-pressed", String(shown.rating === "up"));
  $("thumb-down").setAttribute("aria-pressed", String(shown.rating === "down"));
}

/** Say it, or take it back where it was said already. */
async function rate(rating, more = {}) {
  const of = shown;
  const path = `/v1/answers/${of.view.ids.answer}/feedback`;
  const back = of.rating === rating && !Object.keys(more).length;
  try {
    await (back ? send("DELETE", path) : send("PUT", path, { rating, ...more }));
    if (of !== shown) return;
    of.rating = back ? null : rating;
    press();
    $("tools-said").textContent = t(back ? "tools.back" : "tools.thanks");
    $("why").hidden = back || rating === "up" || Object.keys(more).length > 0;
    if (!$("why").hidden) $("reasons").querySelector("input").focus();
  } catch (error) {
    $("tools-said").textContent = error.message;
  }
}

async function sendWhy(event) {
  event.preventDefault();
  const reasons = [...$("reasons").querySelectorAll("input:checked")].map((box) => box.value);
  await rate("down", { reasons, comment: $("comment").value });
  $("thumb-down").focus();
  $("why").reset();
}

async function copy() {
  try {
    const { markdown, richText } = shown.view;
    const kinds = { "text/plain": markdown, "text/html": richText };
    const blobs = Object.entries(kinds).map(([type, text]) => [type, new Blob([text], { type })]);
    await navigator.clipboard.write([new ClipboardItem(Object.fromEntries(blobs))]);
    $("tools-said").textContent = t("tools.copied");
  } catch {
    $("tools-said").textContent = t("tools.uncopied");
  }
}

for (const value of REASONS)
  $("reasons").append(make("label", {}, make("input", { type: "checkbox", value }), ` ${t(`why.${value}`)}`));
$("thumb-up").addEventListener("click", () => rate("up"));
$("thumb-down").addEventListener("click", () => rate("down"));
$("why").addEventListener("submit", sendWhy);
$("copy").addEventListener("click", copy);
$("print").addEventListener("click", () => window.print());
