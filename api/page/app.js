// The page: a question and its answer, one after the other.

import { AnswerView } from "./answer.js";
import { ask, getJson, make, send, takeUp } from "./client.js";
import { filters, forgetFilters, lookOnlyIn } from "./filters.js";
import { hideSuggestions, suggest } from "./follow.js";
import { keeps, openShare, refreshHistory } from "./history.js";
import "./keys.js";
import { failedSignIn, setUpSigning, whoReads } from "./signing.js";
import { offerViews } from "./staff.js";
import { t } from "./texts.js";
import { current, offerTools } from "./tools.js";

const $ = (id) => document.getElementById(id);
const question = $("question");
const MOST_TURNS = 8; // more than the service reads
const WITHOUT_KEEPING = "last"; // stands for the last answer where the service keeps none
let running = null;
let turns = []; // of this visit, where the service keeps none: forgotten with the page
let keeping = false;
let conversation = null; // {id, mine}
let replaces = null; // the answer that the next question's stands in for

function busy(on) {
  const had = document.activeElement;
  $("stop").hidden = !on;
  $("submit").hidden = on;
  // The button under the reader's fingers goes away: focus goes to the one that takes its place.
  if (on && had === $("submit")) $("stop").focus();
  if (!on && had === $("stop")) $("submit").focus();
}

async function submit(event) {
  event.preventDefault();
  const text = question.value.trim();
  $("question-error").textContent = text ? "" : t("ask.empty");
  question.setAttribute("aria-invalid", String(!text));
  if (text) await answer(text, replaces);
  else question.focus();
}

/** Have a question answered, in the place of an earlier answer where `instead` is one. */
async function answer(text, instead = null) {
  stop();
  hideSuggestions();
  replaces = null;
  const view = new AnswerView(text);
  const before = instead === WITHOUT_KEEPING ? turns.slice(0, -2) : turns;
  const kept = keeping
    ? { conversation_id: conversation?.mine ? conversation.id : undefined, replaces: instead ?? undefined }
    : { history: before };
  await follow(view, text, (signal, onEvent) => ask({ question: text, filters: filters(), ...kept }, signal, onEvent), before);
}

/** Show an answer's events as they come, and what can be done with it once it is there. */
async function follow(view, text, stream, before = turns) {
  const mine = { aborting: new AbortController(), view };
  running = mine;
  busy(true);
  try {
    await stream(mine.aborting.signal, (name, data) => {
      if (running === mine) view.take(name, data);
    });
    if (running === mine) await settle(view, text, before);
  } catch (error) {
    if (running !== mine) return;
    if (error.name === "AbortError") view.stop();
    else view.fail(error);
  } finally {
    if (running === mine) {
      running = null;
      busy(false);
    }
  }
}

/** End what is being written. Its stream then ends with what there is; before its first event there is none. */
function stop({ gently = false } = {}) {
  const id = running?.view.ids.answer;
  if (id) send("POST", `/v1/answers/${id}/stop`).catch(() => running?.aborting.abort());
  if (!gently || !id) running?.aborting.abort();
}

/** Keep a turn, so that the next question may lean on it; where the service keeps it, show the conversation. */
async function settle(view, asked, before) {
  $("new-conversation").hidden = false;
  if (keeping && view.ids.conversation) {
    refreshHistory();
    await showConversation(view.ids.conversation, view).catch(() => offerTools({ view, question: asked, kept: false }));
    return;
  }
  const said = view.text.trim().slice(0, 2000);
  const questions = [...before, { role: "user", content: asked }].map(({ content }) => content);
  suggest(view.cited, questions, askThis);
  turns = [...before, { role: "user", content: asked }, { role: "assistant", content: said || "…" }].slice(-MOST_TURNS);
  offerTools({ view, question: asked, kept: false });
}

/** Show a conversation's questions, and one of its answers: `view` already shows the last one. */
async function showConversation(id, view = null) {
  const found = await getJson(`/v1/conversations/${id}`);
  conversation = { id, mine: found.mine };
  window.history.replaceState(null, "", `#conversation=${id}`);
  $("new-conversation").hidden = false;
  $("turns").replaceChildren(...found.turns.map((turn) => make("li", {}, turnButton(turn))));
  $("earlier").hidden = found.turns.length < 2;
  const last = found.turns.at(-1);
  if (last && view) offer(last, view);
  else if (last) await showTurn(last);
}

function turnButton(turn) {
  const button = make("button", { type: "button", className: "link" }, turn.question);
  button.dataset.turn = turn.answer_id;
  button.addEventListener("click", () => showTurn(turn));
  return button;
}

async function showTurn(turn) {
  stop();
  hideSuggestions();
  const view = new AnswerView(turn.question);
  $("asked").focus();
  if (turn.state === "writing") {
    await follow(view, turn.question, (signal, onEvent) => takeUp(turn.answer_id, signal, onEvent));
    return;
  }
  view.replay(turn);
  offer(turn, view);
}

function offer(turn, view) {
  const documents = turn.sources.map((source) => source.document_id);
  offerTools({ view, question: turn.question, kept: true, mine: conversation.mine, feedback: turn.feedback, documents });
  const questions = [...$("turns").querySelectorAll("button")].map(({ textContent }) => textContent);
  if (conversation.mine) suggest(view.cited, questions, askThis);
  for (const button of $("turns").querySelectorAll("button"))
    button.toggleAttribute("aria-current", button.dataset.turn === turn.answer_id);
}

/** Open the conversation that the address names. */
async function openNamed() {
  const id = location.hash.match(/^#conversation=([0-9a-f]{32})$/)?.[1];
  if (!id) return;
  try {
    await showConversation(id);
  } catch (error) {
    new AnswerView(t("history.one")).fail(error);
  }
}

function forgetTurns() {
  turns = [];
  conversation = replaces = null;
  $("new-conversation").hidden = true;
  $("earlier").hidden = true;
}

function startAnew() {
  stop();
  forgetTurns();
  window.history.replaceState(null, "", location.pathname);
  $("result").hidden = true;
  question.value = "";
  question.focus();
}

/** Ask a question that was suggested. */
function askThis(text) {
  question.value = text;
  $("asked").focus();
  answer(text);
}

function editQuestion() {
  replaces = conversation ? current().view.ids.answer : WITHOUT_KEEPING;
  question.value = current().question;
  question.focus();
}

/** Show the page as whoever reads it now may see it. */
async function showReader() {
  const me = await whoReads();
  keeping = await keeps();
  $("open-history").hidden = !keeping;
  await offerViews(me);
}

/** What one reader saw and chose isn't shown to the next. */
function forgetReader() {
  $("history").close();
  forgetTurns();
  forgetFilters();
}

$("ask").addEventListener("submit", submit);
$("new-conversation").addEventListener("click", startAnew);
$("stop").addEventListener("click", () => stop({ gently: true }));
$("again").addEventListener("click", () => answer(current().question, conversation ? current().view.ids.answer : WITHOUT_KEEPING));
$("edit").addEventListener("click", editQuestion);
$("open-share").addEventListener("click", () => openShare(conversation.id));
$("begin-anew").addEventListener("click", () => {
  if ($("history").matches(":modal")) $("history").close();
  startAnew();
});
window.addEventListener("hashchange", openNamed);
window.addEventListener("conversation-deleted", ({ detail }) => detail === conversation?.id && startAnew());
question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("ask").requestSubmit();
});
$("only-these").addEventListener("click", () => {
  lookOnlyIn(current().view.cited);
  question.focus();
});
setUpSigning(forgetReader, async () => {
  await showReader();
  if (!conversation) openNamed();
});
showReader();
const refused = failedSignIn();
if (refused) new AnswerView(t("sign.in")).fail({ message: refused });
openNamed();
question.focus();
