// Where documents come from, how their syncs go, and letting them rest, go on or end.

import { getJson, make, post, visible } from "./client.js";
import { button, buttons, line } from "./desk-parts.js";
import { going, held, lastSync, waits } from "./desk-runs.js";
import { minute, t } from "./texts.js";

const LOOK_AGAIN = 3000; // milliseconds

/** The list, kept up to date; a source that is chosen, or added, takes its place. */
export async function show(room, desk) {
  let next = 0;
  const count = make("p", { className: "place", role: "status" });
  const list = make("ul", { className: "failed" });
  const leave = () => clearTimeout(next);

  async function open(module, ...more) {
    leave();
    next = -1;
    const view = await module();
    await view.show(room, desk, ...more);
  }

  async function load() {
    clearTimeout(next);
    try {
      const { sources } = await getJson("/v1/sources");
      if (!list.isConnected || next === -1) return;
      put(list, sources.map(row));
      count.textContent = t("sources.count", { n: sources.length });
    } catch (error) {
      desk.say(error.message);
    }
    if (list.isConnected) next = setTimeout(load, LOOK_AGAIN);
  }

  function row(source) {
    const lines = [held(source), ...pauses(source), ...source.active.map(going), ...source.active.map(bar), lastSync(source), planned(source)];
    const shown = lines.filter(Boolean).map((one) => (typeof one === "string" ? line(one) : one));
    return make("li", {}, make("p", { className: "title" }, source.name), ...shown, buttons(...actions(source)));
  }

  function actions(source) {
    const { id, paused_at: paused, active } = source;
    const offered = paused ? ["resume"] : ["sync", "pause"];
    if (active.some((run) => run.state !== "cancelled")) offered.push("cancel");
    const made = offered.map((what) => does(source, what, (pressed) => act(pressed, id, what)));
    return [...made, does(source, "more", () => open(() => import("./desk-source.js"), id))];
  }

  async function act(pressed, id, what) {
    pressed.disabled = true;
    try {
      await post(`/v1/sources/${encodeURIComponent(id)}/${what}`);
      desk.say(t(DONE[what]));
    } catch (error) {
      desk.say(error.message);
    }
    load();
  }

  const add = button(t("sources.add"), () => open(() => import("./desk-source-form.js")), { className: "primary" });
  room.replaceChildren(count, buttons(add), list);
  if (desk.what) await open(() => import("./desk-source.js"), desk.what);
  else await load();
  return leave;
}

const DONE = { sync: "sources.synced", pause: "sources.rests", resume: "sources.resumed", cancel: "sources.cancelled" };

function does({ id, name }, what, act) {
  const label = t(`sources.${what}`);
  const made = button(label, act, { name: `${label}: ${visible(name)}`, className: "link" });
  made.dataset.does = `${id} ${what}`;
  return made;
}

/** Put new rows in the place of the old ones; the button that has the focus keeps it. */
function put(list, rows) {
  const had = document.activeElement?.dataset?.does;
  list.replaceChildren(...rows);
  if (had) [...list.querySelectorAll("button")].find((one) => one.dataset.does === had)?.focus();
}

function pauses({ paused_at: paused, waits: silent }) {
  return [paused && t("sources.paused", { since: minute(paused) }), silent && waits(silent)];
}

/** How far a run has come, where that is known. */
function bar(run) {
  const through = run.unchanged + run.indexed + run.failed + run.deleted + run.superseded;
  if (run.phase !== "processing" || !run.open) return null;
  return make("progress", { max: through + run.open, value: through, ariaLabel: t("sources.progress") });
}

const planned = ({ next_sync_at: at }) => at && t("sources.next", { at: minute(at) });
