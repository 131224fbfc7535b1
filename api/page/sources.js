// For administrators: where documents come from, how their syncs go, and letting them rest, go on or end.

import { getJson, make, post, visible } from "./client.js";
import { language, minute, t, tOr } from "./texts.js";

const $ = (id) => document.getElementById(id);
const dialog = $("sources");
const LOOK_AGAIN = 3000; // milliseconds
const OUTCOMES = ["seen", "unchanged", "indexed", "failed", "deleted"];

let next = 0;

/** Show how the sources stand, and go on with that while the dialog is open. */
async function load() {
  clearTimeout(next);
  try {
    const { sources } = await getJson("/v1/sources");
    if (!dialog.open) return;
    show(sources);
    $("source-count").textContent = t("sources.count", { n: sources.length });
  } catch (error) {
    $("source-count").textContent = error.message;
  }
  if (dialog.open) next = setTimeout(load, LOOK_AGAIN);
}

/** Put new rows in the place of the old ones; the button that has the focus keeps it. */
function show(sources) {
  const had = document.activeElement?.dataset?.does;
  $("source-list").replaceChildren(...sources.map(row));
  if (had) [...$("source-list").querySelectorAll("button")].find((button) => button.dataset.does === had)?.focus();
}

function row(source) {
  const lines = [held(source), ...pauses(source), ...source.active.map(going), last(source), planned(source)];
  return make(
    "li",
    {},
    make("p", { className: "title" }, source.name),
    ...lines.filter(Boolean).map((line) => make("p", { className: "place" }, line)),
    make("p", {}, ...buttons(source).flatMap((button) => [button, " "])),
  );
}

function held({ documents, passages, bytes }) {
  const states = counts(Object.entries(documents)) || t("sources.no_documents");
  return t("sources.held", { states, passages, megabytes: Math.round(bytes / 1e5) / 10 });
}

function pauses({ paused_at: paused, waits }) {
  const silent = waits && t("sources.silent", { since: minute(waits.since), until: minute(waits.until), reason: waits.reason });
  return [paused && t("sources.paused", { since: minute(paused) }), silent];
}

function going(run) {
  const done = counts(OUTCOMES.map((name) => [name, run[name]]));
  const speed = [run.rate && t("sources.rate", { rate: Number(run.rate.toPrecision(2)) })];
  speed.push(run.eta_s && t("sources.left", { time: duration(run.eta_s) }));
  return [
    t("sources.now", { phase: state(run.phase ?? run.state), counts: done, open: run.open }),
    speed.filter(Boolean).join(", "),
    run.waiting && t("sources.waits", { why: run.waiting }),
  ].filter(Boolean).join(" ");
}

function last({ last_sync: run }) {
  if (!run) return t("sources.never");
  const how = { at: minute(run.started_at), state: state(run.state), why: run.error };
  return t(run.error ? "sources.last_why" : "sources.last", how);
}

const planned = ({ next_sync_at: at }) => at && t("sources.next", { at: minute(at) });

function buttons({ id, name, paused_at: paused, active }) {
  const offered = paused ? ["resume"] : ["sync", "pause"];
  if (active.some((run) => run.state !== "cancelled")) offered.push("cancel");
  return offered.map((what) => {
    const label = t(`sources.${what}`);
    const button = make("button", { type: "button", className: "link" }, label);
    button.dataset.does = `${id} ${what}`;
    button.setAttribute("aria-label", `${label}: ${visible(name)}`);
    button.addEventListener("click", () => act(button, id, what));
    return button;
  });
}

const DONE = { sync: "sources.synced", pause: "sources.rests", resume: "sources.resumed", cancel: "sources.cancelled" };

async function act(button, id, what) {
  button.disabled = true;
  try {
    await post(`/v1/sources/${encodeURIComponent(id)}/${what}`);
    $("source-said").textContent = t(DONE[what]);
  } catch (error) {
    $("source-said").textContent = error.message;
  }
  load();
}

const state = (name) => tOr(`state.${name}`, name);
const counts = (found) => found.map(([name, count]) => `${count.toLocaleString(language)} ${state(name)}`).join(", ");

function duration(seconds) {
  if (seconds < 90) return t("sources.seconds", { n: Math.round(seconds) });
  return seconds < 5400 ? t("sources.minutes", { n: Math.round(seconds / 60) }) : t("sources.hours", { n: Math.round(seconds / 3600) });
}

$("open-sources").addEventListener("click", () => {
  dialog.showModal();
  $("source-said").textContent = "";
  $("sources-title").focus();
  load();
});
$("close-sources").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => $("open-sources").focus());
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
