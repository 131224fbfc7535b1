// For administrators: where documents come from, how their syncs go, and letting them rest, go on or end.

import { getJson, make, post, visible } from "./client.js";

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
    $("source-count").textContent = sources.length === 1 ? "1 source." : `${sources.length} sources.`;
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
  const states = Object.entries(documents).map(([state, count]) => `${count} ${state}`);
  return `Documents: ${states.join(", ") || "none"}. ${passages} passages, ${megabytes(bytes)}.`;
}

function pauses({ paused_at: paused, waits }) {
  const silent = waits && `It doesn’t answer since ${minute(waits.since)}, tried again ${minute(waits.until)}: ${waits.reason}`;
  return [paused && `Paused since ${minute(paused)}.`, silent];
}

function going(run) {
  const counts = OUTCOMES.map((name) => `${run[name]} ${name}`).join(", ");
  const rate = run.rate ? ` ${run.rate.toPrecision(2)} documents a second` : "";
  const left = run.eta_s ? `, about ${duration(run.eta_s)} left` : "";
  const waits = run.waiting ? ` Waits: ${run.waiting}` : "";
  return `Now ${run.phase ?? run.state}: ${counts}, ${run.open} on their way.${rate}${left}${waits}`;
}

function last({ last_sync: run }) {
  if (!run) return "Never synced.";
  const why = run.error ? `: ${run.error}` : ".";
  return `Last sync ${minute(run.started_at)}, ${run.state}${why}`;
}

const planned = ({ next_sync_at: at }) => at && `Next sync ${minute(at)}.`;

function buttons({ id, name, paused_at: paused, active }) {
  const offered = paused ? [["resume", "Resume"]] : [["sync", "Sync now"], ["pause", "Pause"]];
  if (active.some((run) => run.state !== "cancelled")) offered.push(["cancel", "Cancel the sync"]);
  return offered.map(([what, label]) => {
    const button = make("button", { type: "button", className: "link" }, label);
    button.dataset.does = `${id} ${what}`;
    button.setAttribute("aria-label", `${label}: ${visible(name)}`);
    button.addEventListener("click", () => act(button, id, what));
    return button;
  });
}

const DONE = {
  sync: "The sync was asked for.",
  pause: "It rests until it is resumed.",
  resume: "It goes on.",
  cancel: "It ends once what had begun is through.",
};

async function act(button, id, what) {
  button.disabled = true;
  try {
    await post(`/v1/sources/${encodeURIComponent(id)}/${what}`);
    $("source-said").textContent = DONE[what];
  } catch (error) {
    $("source-said").textContent = error.message;
  }
  load();
}

const minute = (moment) => new Date(moment).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
const megabytes = (bytes) => `${(bytes / 1e6).toLocaleString(undefined, { maximumFractionDigits: 1 })} MB`;

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} seconds`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} minutes` : `${Math.round(seconds / 3600)} hours`;
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
