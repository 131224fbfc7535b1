// A document's life: found by its name, how it stands, who may read it and why, its passages; and why a question finds it.

import { getJson, make, visible } from "./client.js";
import { button, choice, facts, field, form, input, line, part, query, table, words } from "./desk-parts.js";
import { state } from "./desk-runs.js";
import { language, minute, t } from "./texts.js";

const PAGE = 50;
const SHOWN = 200; // passages

export async function show(room, desk) {
  const { source = "", document = null } = desk.what ?? {};
  if (document) return life(room, desk, document);
  const { sources } = await getJson("/v1/sources");
  const names = new Map(sources.map((one) => [one.id, one.name]));
  const where = choice([["", t("documents.anywhere")], ...names], source);
  const what = input({ maxLength: 1000, type: "search" });
  const list = make("ul", { className: "failed" });
  const more = button(t("page.more"), () => load(list.children.length), { className: "link" });
  more.hidden = true;

  async function load(from) {
    const asked = where.value
      ? { source_id: where.value, contains: what.value, limit: PAGE, offset: from }
      : { named: what.value, limit: PAGE };
    const found = await getJson(`/v1/ledger?${query(asked)}`);
    if (!from) list.replaceChildren();
    list.append(...found.documents.map(row));
    more.hidden = !found.more;
    desk.say(t("documents.found", { n: list.children.length }));
  }

  function row(one) {
    const open = button(visible(one.title), () => life(room, desk, one.document_id), { className: "link" });
    const at = [names.get(one.source_id), one.external_id, state(one.state)].filter(Boolean).join(", ");
    return make("li", {}, open, line(at));
  }

  const parts = [field(t("documents.source"), where), field(t("documents.name"), what, t("documents.name_hint"))];
  room.replaceChildren(form(t("documents.find"), parts, () => load(0)).form, list, more);
  if (source) await load(0);
}

async function life(room, desk, id) {
  const path = `/v1/ledger/${encodeURIComponent(id)}`;
  const told = await getJson(path);
  const back = button(t("desk.back"), () => desk.go("documents"), { className: "link" });
  const title = make("h4", { tabIndex: -1 }, told.title);
  const { whyPart } = await import("./desk-why.js");
  const parts = [standing(told), readers(path, told), whyPart(path, told), passages(path, id, told)];
  room.replaceChildren(back, title, ...faults(told), ...parts);
  title.focus();
}

function faults({ failure, warning, degraded }) {
  return [failure?.message, warning?.message, ...degraded].filter(Boolean).map((said) => make("p", { className: "notice bad" }, said));
}

function standing(told) {
  const known = Object.entries(told.metadata).filter(([, value]) => value && value.length !== 0);
  const origin = (name) => told.origins[name];
  return part(t("life.standing"), facts([
    [t("life.name"), told.external_id],
    [t("life.source"), told.source],
    [t("life.state"), state(told.state)],
    [t("life.version"), String(told.version)],
    [t("life.index"), indexed(told)],
    [t("life.size"), told.size === null ? null : t("life.bytes", { n: told.size })],
    [t("life.type"), told.media_type],
    [t("life.first"), minute(told.created_at)],
    [t("life.changed"), minute(told.updated_at)],
    [t("life.indexed"), told.indexed_at && minute(told.indexed_at)],
    [t("life.content"), told.content_hash?.slice(0, 12)],
    [t("life.parent"), told.parent_id],
    [t("life.inner"), told.inner ? told.inner.toLocaleString(language) : null],
    ...known.map(([name, value]) => [name, origin(name) ? t("life.from", { value: String(value), origin: origin(name) }) : String(value)]),
  ]));
}

/** What the index holds, by version of the document. */
function indexed({ index }) {
  if (!index) return t("life.nothing");
  return Object.entries(index.versions).map(([version, n]) => t("life.of_version", { version, n })).join(", ");
}

/** Who may read it, and why; and whether somebody may. */
function readers(path, told) {
  const rows = told.readers.map(({ term, members, source_id: source }) => [term, why(term, source, members)]);
  const list = rows.length ? table(t("life.readers_table"), [t("life.term"), t("life.means")], rows) : line(t("life.nobody"));
  const held = told.index?.terms;
  const late = held && held.join() !== told.readers.map((one) => one.term).join();
  const user = input({ maxLength: 200 });
  const groups = input();
  const answer = make("p", { role: "status", className: "place" });
  const asking = form(t("life.may"), [field(t("life.user"), user), field(t("life.groups"), groups)], async () => {
    const asked = new URLSearchParams();
    if (user.value.trim()) asked.set("user", user.value.trim());
    for (const group of words(groups.value)) asked.append("group", group);
    const { reader } = await getJson(`${path}?${asked}`);
    answer.textContent = reader ? mayRead(reader) : t("life.who");
  });
  return part(t("life.readers"), list, late ? line(t("life.late")) : "", asking.form, answer);
}

export function mayRead({ opened_by: terms, synced_groups: synced }) {
  const known = synced.length ? t("life.synced", { groups: synced.join(", ") }) : "";
  return `${terms.length ? t("life.through", { terms: terms.join(", ") }) : t("life.may_not")} ${known}`;
}

function why(term, source, members) {
  if (term === "public") return t("life.public");
  if (source) return t("life.members", { n: members });
  return t(term.startsWith("user:") ? "life.person" : "life.group");
}

/** Its passages by their places. The text of one is for who may read the document. */
function passages(path, id, { passages: found }) {
  const text = make("p", { className: "passage", role: "status" });
  const rows = found.slice(0, SHOWN).map((one) => {
    const open = button(String(one.ordinal), () => read(one.ordinal), { className: "link", name: t("life.open", { number: one.ordinal }) });
    return [open, one.page === null ? "" : String(one.page), String(one.end - one.start), String(one.tokens)];
  });
  async function read(ordinal) {
    try {
      text.textContent = visible((await getJson(`/v1/documents/${encodeURIComponent(id)}/chunks/${ordinal}`)).text);
    } catch (error) {
      text.textContent = error.status === 404 || error.status === 403 ? t("life.not_yours") : error.message;
    }
  }
  const heads = [t("life.passage"), t("life.page"), t("life.characters"), t("life.tokens")];
  return part(t("life.passages", { n: found.length }), rows.length ? table(t("life.passages_table"), heads, rows) : line(t("life.unread")), text);
}
