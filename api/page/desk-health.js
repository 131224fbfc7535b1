// Health: what Footnote depends on and how each of it is, what the index holds, and what goes on.

import { getJson, make } from "./client.js";
import { button, buttons, facts, line, part, table } from "./desk-parts.js";
import { going, state } from "./desk-runs.js";
import { language, t, tOr } from "./texts.js";

export async function show(room) {
  const shown = make("div");
  async function load() {
    const [ready, status] = await Promise.all([readiness(), getJson("/v1/status")]);
    shown.replaceChildren(dependencies(ready), standing(status));
  }
  room.replaceChildren(buttons(button(t("failures.refresh"), load)), shown);
  await load();
}

/** How the service is, which it tells with 503 where it isn't ready. */
async function readiness() {
  try {
    return await getJson("/readyz");
  } catch (error) {
    if (error.told?.dependencies) return error.told;
    throw error;
  }
}

function dependencies({ status, dependencies: found }) {
  const rows = Object.entries(found).map(([name, one]) => [
    name,
    tOr(`health.${one.state.replaceAll("-", "_")}`, one.state),
    t(one.required ? "health.required" : "health.optional"),
    one.detail ?? "",
  ]);
  const heads = [t("health.part"), t("health.state"), t("health.needed"), t("health.detail")];
  return part(t(status === "ready" ? "health.ready" : "health.not_ready"), table(t("health.table"), heads, rows));
}

function standing(status) {
  const documents = Object.entries(status.documents).map(([name, n]) => `${n.toLocaleString(language)} ${state(name)}`).join(", ");
  return part(
    t("health.holds"),
    facts([
      [t("health.sources"), String(status.sources)],
      [t("health.documents"), documents],
      [t("health.passages"), status.chunks === null ? null : status.chunks.toLocaleString(language)],
      [t("health.generation"), status.index_generation],
    ]),
    ...status.degraded.map(line),
    ...status.runs_in_progress.map((run) => line(going(run))),
  );
}
