// The audit log: searched, checked, exported.

import { getJson, make } from "./client.js";
import { button, buttons, choice, download, field, form, input, query, table, trying } from "./desk-parts.js";
import { minute, t, tOr } from "./texts.js";

const PAGE = 50;
const PIECE = 10_000; // entries that are checked at a time
const EXPORTED = 1000;
const FIELDS = ["action", "user", "key_id", "client", "object_id", "document_id"];

export async function show(room) {
  const asked = Object.fromEntries(FIELDS.map((name) => [name, input({ maxLength: 300 })]));
  asked.outcome = choice([["", t("audit.any")], ...["done", "failed", "begun"].map((one) => [one, t(`audit.${one}`)])]);
  asked.since = input({ type: "date" });
  asked.until = input({ type: "date" });
  const shown = make("div");
  const told = make("p", { className: "place", role: "status" });
  const fault = make("p", { className: "field-error", role: "alert" });
  const older = button(t("page.more"), (pressed) => trying(pressed, fault, () => load(next)), { className: "link" });
  let rows = [];
  let next = null;

  async function load(before = null) {
    const values = Object.fromEntries(Object.entries(asked).map(([name, control]) => [name, control.value.trim()]));
    const found = await getJson(`/v1/audit?${query({ ...values, before, limit: PAGE })}`);
    rows = before ? [...rows, ...found.events.map(row)] : found.events.map(row);
    next = found.next;
    older.hidden = next === null;
    shown.replaceChildren(table(t("audit.table"), ["at", "who", "action", "outcome", "object", "detail"].map((name) => t(`audit.${name}`)), rows));
  }

  /** Follow the chain of hashes to its end, or to where it breaks. */
  async function verify() {
    for (let after = 0, checked = 0; ; ) {
      const found = await getJson(`/v1/audit/verify?after=${after}&limit=${PIECE}`);
      checked += found.checked;
      if (found.broken !== null) told.textContent = t("audit.broken", { number: found.broken, why: found.reason });
      else told.textContent = t(found.left ? "audit.checking" : "audit.whole", { n: checked, last: found.last, hash: found.hash });
      if (found.broken !== null || !found.left) return;
      after = found.last;
    }
  }

  async function exported() {
    const lines = [];
    for (let after = 0; ; ) {
      const { entries } = await getJson(`/v1/audit/entries?after=${after}&limit=${EXPORTED}`);
      lines.push(...entries.map((entry) => `${JSON.stringify(entry)}\n`));
      told.textContent = t("audit.exporting", { n: lines.length });
      if (entries.length < EXPORTED) break;
      after = entries.at(-1).number;
    }
    download("footnote-audit.jsonl", lines.join(""), "application/jsonl");
  }

  const controls = Object.entries(asked).map(([name, control]) => field(t(`audit.${name}`), control));
  const search = form(t("audit.search"), [make("div", { className: "grid" }, ...controls)], () => load());
  const more = buttons(
    button(t("audit.verify"), (pressed) => trying(pressed, fault, verify)),
    button(t("audit.export"), (pressed) => trying(pressed, fault, exported)),
  );
  room.replaceChildren(search.form, more, told, fault, shown, older);
  await load();
}

function row(event) {
  const who = [event.name, event.user, event.client].filter(Boolean).join(", ");
  const ended = event.reason ? `${t(`audit.${event.outcome}`)} (${event.reason})` : t(`audit.${event.outcome}`);
  return [minute(event.at), who, event.action, ended, event.object_name ?? event.object_id ?? "", detail(event.detail)];
}

function detail(found) {
  const shown = ([name, value]) => `${tOr(`audit.${name}`, name)}: ${typeof value === "string" ? value : JSON.stringify(value)}`;
  return Object.entries(found).map(shown).join("; ").slice(0, 300);
}
