// The page: a question, its filters, the key.

import { AnswerView } from "./answer.js";
import { ask, getJson, key, post, session, whoHas } from "./client.js";
import "./failures.js";
import "./sources.js";

const $ = (id) => document.getElementById(id);
const question = $("question");
const MOST_TURNS = 8; // more than the service reads
let running = null;
let turns = []; // of this visit: forgotten with the page

/** The filters as the service takes them; undefined if there are none. */
function filters() {
  const found = {};
  const departments = $("department").value.split(",").map((name) => name.trim()).filter(Boolean);
  if (departments.length) found.department = departments;
  if ($("document-type").value) found.document_type = [$("document-type").value];
  const modified = {};
  if ($("since").value) modified.from = $("since").value;
  if ($("until").value) modified.to = $("until").value;
  if (Object.keys(modified).length) found.modified = modified;
  return Object.keys(found).length ? found : undefined;
}

function countFilters() {
  const count = Object.keys(filters() ?? {}).length;
  $("filter-count").textContent = count ? ` (${count} set)` : "";
  $("clear-filters").hidden = !count;
}

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
  $("question-error").textContent = text ? "" : "Write a question first.";
  question.setAttribute("aria-invalid", String(!text));
  if (!text) {
    question.focus();
    return;
  }
  running?.abort();
  const mine = new AbortController();
  running = mine;
  const view = new AnswerView(text);
  busy(true);
  try {
    await ask({ question: text, history: turns, filters: filters() }, mine.signal, (name, data) => {
      if (running === mine) view.take(name, data);
    });
    if (running === mine) remember(text, view.text);
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

/** Keep a turn, so that the next question may lean on it. */
function remember(asked, answered) {
  const said = answered.trim().slice(0, 2000);
  turns.push({ role: "user", content: asked }, ...(said ? [{ role: "assistant", content: said }] : []));
  turns = turns.slice(-MOST_TURNS);
  $("new-conversation").hidden = false;
}

function forgetTurns() {
  turns = [];
  $("new-conversation").hidden = true;
}

function startAnew() {
  running?.abort();
  forgetTurns();
  $("result").hidden = true;
  question.value = "";
  question.focus();
}

function showKey() {
  $("open-key").textContent = key.get() ? "Access key: set" : "Access key";
  offerAdministration();
}

/** Offer what only administrators may see to them. */
async function offerAdministration() {
  let admin = false;
  try {
    const known = key.get() || (await offerSignIn());
    admin = Boolean(known) && (await getJson("/v1/me")).admin;
  } catch {
    // Whatever is wrong with the key or the service, the next question says it.
  }
  for (const name of ["open-sources", "open-failures"]) $(name).hidden = !admin;
}

/** Offer to sign in or out, where readers do that here; whether somebody is signed in. */
async function offerSignIn() {
  const { name, href } = await getJson("/auth");
  if (!name) return false;
  const me = await getJson("/v1/me").catch(() => ({ csrf: null }));
  session.csrf = me.csrf ?? "";
  const link = $("sign-in");
  link.href = href;
  link.textContent = `Sign in with ${name}`;
  link.hidden = Boolean(me.csrf);
  $("sign-out").hidden = !me.csrf;
  $("sign-out").title = me.user ?? "";
  return Boolean(me.csrf);
}

async function signOut() {
  const { location: next } = await post("/auth/logout");
  location.assign(next ?? "/");
}

/** Take the key that was entered, once the service knows it; say what is wrong with it otherwise. */
async function useKey(event) {
  event.preventDefault();
  const candidate = $("key").value.trim();
  $("use-key").disabled = true;
  try {
    if (candidate) await whoHas(candidate);
    key.set(candidate);
    forgetTurns(); // what one reader asked isn't sent under another's key
    $("key-dialog").close();
  } catch (error) {
    refuseKey(error.message);
    $("key").focus();
  } finally {
    $("use-key").disabled = false;
  }
}

function refuseKey(why) {
  $("key-error").textContent = why;
  $("key").setAttribute("aria-invalid", String(Boolean(why)));
}

function setUpKey() {
  const dialog = $("key-dialog");
  const input = $("key");
  $("open-key").addEventListener("click", () => {
    input.value = key.get();
    refuseKey("");
    $("forget-key").hidden = !key.get();
    dialog.showModal();
    input.focus();
  });
  $("key-form").addEventListener("submit", useKey);
  $("cancel-key").addEventListener("click", () => dialog.close());
  $("forget-key").addEventListener("click", () => {
    key.set("");
    forgetTurns();
    dialog.close();
  });
  dialog.addEventListener("close", () => {
    input.value = "";
    showKey();
  });
  showKey();
}

$("ask").addEventListener("submit", submit);
$("new-conversation").addEventListener("click", startAnew);
$("stop").addEventListener("click", () => running?.abort());
question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("ask").requestSubmit();
});
$("filters").addEventListener("input", countFilters);
$("clear-filters").addEventListener("click", () => {
  for (const id of ["department", "document-type", "since", "until"]) $(id).value = "";
  countFilters();
  $("department").focus();
});
setUpKey();
$("sign-out").addEventListener("click", signOut);
countFilters();
question.focus();
