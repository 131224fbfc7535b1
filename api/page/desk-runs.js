// How runs and sources are told of.

import { language, minute, t, tOr } from "./texts.js";

const OUTCOMES = ["seen", "unchanged", "indexed", "failed", "deleted"];

export const state = (name) => tOr(`state.${name}`, name);
const told = (found) => found.map(([name, count]) => `${count.toLocaleString(language)} ${state(name)}`).join(", ");

/** How many documents came to which end. */
export const outcomes = (run) => told(OUTCOMES.map((name) => [name, run[name]]));

/** What a source has. */
export function held({ documents, passages, bytes }) {
  const states = told(Object.entries(documents)) || t("sources.no_documents");
  return t("sources.held", { states, passages, megabytes: Math.round(bytes / 1e5) / 10 });
}

/** A source that doesn't answer. */
export const waits = ({ since, until, reason }) => t("sources.silent", { since: minute(since), until: minute(until), reason });

/** What goes on, how fast, and how long it will take. */
export function going(run) {
  const speed = [run.rate && t("sources.rate", { rate: Number(run.rate.toPrecision(2)) })];
  speed.push(run.eta_s && t("sources.left", { time: duration(run.eta_s) }));
  return [
    t("sources.now", { phase: state(run.phase ?? run.state), counts: outcomes(run), open: run.open }),
    speed.filter(Boolean).join(", "),
    run.waiting && t("sources.waits", { why: run.waiting }),
  ].filter(Boolean).join(" ");
}

/** How the latest sync ended. */
export function lastSync({ last_sync: run }) {
  if (!run) return t("sources.never");
  const how = { at: minute(run.started_at), state: state(run.state), why: run.error };
  return t(run.error ? "sources.last_why" : "sources.last", how);
}

export function duration(seconds) {
  if (seconds < 90) return t("sources.seconds", { n: Math.round(seconds) });
  return seconds < 5400 ? t("sources.minutes", { n: Math.round(seconds / 60) }) : t("sources.hours", { n: Math.round(seconds / 3600) });
}
