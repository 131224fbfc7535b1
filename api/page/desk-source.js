// One source: its syncs, a dry run, deletions that have to be confirmed, its settings, its end.

import { getJson, make, send } from "./client.js";
import { button, buttons, confirmed, facts, line, part, table } from "./desk-parts.js";
import { duration, going, held, lastSync, outcomes, state, waits } from "./desk-runs.js";
import { language, minute, t } from "./texts.js";

const LOOK_AGAIN = 3000; // milliseconds
const RUNS = 10;
const CHANGES = ["new", "changed", "permissions", "deleted", "unreadable", "unchanged"];

export async function show(room, desk, id) {
  const path = `/v1/sources/${encodeURIComponent(id)}`;
  const back = button(t("desk.back"), () => desk.go("sources"), { className: "link" });
  const title = make("h4", { tabIndex: -1 });
  const body = make("div");
  const shown = make("div");
  let was = "";

  async function load() {
    const [source, { runs }] = await Promise.all([getJson(path), getJson(`${path}/runs?limit=${RUNS}`)]);
    if (!room.contains(shown)) return;
    title.textContent = source.name;
    const now = JSON.stringify([source, runs]);
    if (now !== was) put(shown, standing(source, runs));
    was = now;
    if (source.active.length) setTimeout(() => room.contains(shown) && load().catch(fail), LOOK_AGAIN);
    return source;
  }

  const fail = (error) => desk.say(error.message);

  async function act(pressed, done, request) {
    pressed.disabled = true;
    try {
      await request();
      desk.say(done);
      await load();
    } catch (error) {
      fail(error);
    }
    pressed.disabled = false;
  }

  const sync = (what) => send("POST", `${path}/sync?${what}`);

  /** Deletions that look wrong wait for a person. */
  async function confirmDeletions(pressed) {
    if (await confirmed(t("source.confirm"), t("source.delete_them"))) await act(pressed, t("sources.synced"), () => sync("confirm_delete=true"));
  }

  async function remove(source) {
    if (!(await confirmed(t("source.remove_sure", { name: source.name }), t("source.remove")))) return;
    try {
      await fetchDelete(path);
      await desk.go("sources");
      desk.say(t("source.removed"));
    } catch (error) {
      fail(error);
    }
  }

  function standing(source, runs) {
    const plan = runs.find((run) => run.plan);
    const refused = source.last_sync?.state === "refused";
    return [
      ...source.active.map((run) => line(going(run))),
      source.waits && line(waits(source.waits)),
      facts([
        [t("source.kind"), source.kind],
        [t("source.holds"), held(source)],
        [t("source.public"), source.public.toLocaleString(language)],
        [t("source.every"), duration(source.interval_s)],
        [t("source.weight"), String(source.weight)],
        [t("source.last"), lastSync(source)],
      ]),
      refused && part(t("source.refused"), line(source.last_sync.error), buttons(button(t("source.delete_them"), confirmDeletions))),
      plan && part(t("source.plan", { at: minute(plan.started_at) }), ...planned(plan.plan)),
      runs.length > 0 && runTable(runs),
    ].filter(Boolean);
  }

  room.replaceChildren(back, title, body, shown);
  const source = await load();
  body.append(buttons(
    button(t("source.dry_run"), (pressed) => act(pressed, t("source.planning"), () => sync("dry_run=true"))),
    button(t("source.full"), (pressed) => act(pressed, t("sources.synced"), () => sync("full=true"))),
    button(t("source.edit"), async () => (await import("./desk-source-form.js")).show(room, desk, source)),
    button(t("source.failures"), () => desk.go("failures", id)),
    button(t("source.documents"), () => desk.go("documents", { source: id })),
    button(t("source.remove"), () => remove(source)),
  ));
  title.focus();
}

const fetchDelete = (path) => send("DELETE", path);

/** Put new parts in the place of the old ones. */
const put = (shown, parts) => shown.replaceChildren(...parts);

/** What a dry run found: how many of each, and the first names. */
function planned(plan) {
  const found = CHANGES.filter((name) => plan[name]?.count);
  const rows = found.map((name) => [state(name), plan[name].count.toLocaleString(language), (plan[name].first ?? []).join(", ")]);
  const all = rows.length ? table(t("source.plan_table"), [t("source.change"), t("source.how_many"), t("source.first")], rows) : line(t("source.nothing"));
  return plan.refused ? [all, line(t("source.would_refuse"))] : [all];
}

function runTable(runs) {
  const rows = runs.map((run) => [minute(run.started_at), state(run.kind), state(run.state), outcomes(run), run.error ?? ""]);
  return table(t("source.runs"), [t("source.begun"), t("source.what"), t("source.state"), t("source.counts"), t("source.error")], rows);
}
