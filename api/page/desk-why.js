// Why a question finds a document, or doesn't: its passages' ranks after each step, filters, permissions.

import { make, send } from "./client.js";
import { area, facts, field, form, input, line, part, table, words } from "./desk-parts.js";
import { mayRead } from "./desk-documents.js";
import { t } from "./texts.js";

const STEPS = ["lexical", "vector", "fused", "late interaction", "neighbours", "reranker"];

/** The part of a document's life that asks. */
export function whyPart(path, { title }) {
  const question = area({ value: document.getElementById("question").value || document.getElementById("asked").textContent });
  const [department, type, tags] = [input(), input(), input()];
  const [user, groups] = [input({ maxLength: 200 }), input()];
  const answer = make("div", { role: "status" });
  const filters = () => {
    const asked = { department: words(department.value), document_type: words(type.value), tags: words(tags.value) };
    return Object.fromEntries(Object.entries(asked).filter(([, values]) => values.length));
  };
  const narrow = make("details", {}, make("summary", {}, t("finding.more")), make(
    "div",
    { className: "grid" },
    field(t("finding.department"), department),
    field(t("finding.type"), type),
    field(t("finding.tags"), tags),
    field(t("life.user"), user, t("finding.user_hint")),
    field(t("life.groups"), groups),
  ));
  const asking = form(t("finding.ask"), [field(t("finding.question"), question), narrow], async () => {
    answer.replaceChildren();
    const body = { question: question.value, filters: filters() };
    const named = { user: user.value.trim() || null, groups: words(groups.value) };
    if (named.user || named.groups.length) body.reader = named;
    answer.replaceChildren(...told(await send("POST", `${path}/why`, body), title));
  });
  return part(t("finding.title"), asking.form, answer);
}

function told(found, title) {
  const verdict = make("p", { className: "verdict" }, t(`finding.${found.verdict}`, { title }));
  const pairs = [[t("finding.reader"), mayRead(found.reader)]];
  for (const one of found.filters) pairs.push([one.field, filtered(one)]);
  if (found.words === false) pairs.push([t("finding.words"), t("finding.no_words")]);
  if (found.passages.length) pairs.push([t("finding.searched"), t("finding.candidates", { n: found.candidates, pipeline: found.pipeline })]);
  const said = [...found.notices, ...found.degraded].map(line);
  return [verdict, facts(pairs), ...(found.passages.length ? [ways(found.passages)] : []), ...said];
}

function filtered({ passes, wanted, has }) {
  const values = { wanted: wanted.join(", "), has: has.join(", ") || t("finding.has_none") };
  return t(passes ? "finding.passes" : "finding.left_out", values);
}

/** The passages' ranks after each step that the search took. */
function ways(passages) {
  const steps = STEPS.filter((step) => passages.some((one) => step in one.ranks));
  const heads = [t("life.passage"), ...steps.map((step) => t(`steps.${step.replaceAll(" ", "_")}`)), t("finding.result")];
  const rows = passages.map((one) => [
    one.page === null ? String(one.ordinal) : t("finding.on_page", { passage: one.ordinal, page: one.page }),
    ...steps.map((step) => (step in one.ranks ? String(one.ranks[step]) : "–")),
    place(one),
  ]);
  return table(t("finding.table"), heads, rows);
}

function place({ place: at, given, twin_of: twin }) {
  if (twin) return t("finding.as_twin", { document: twin });
  if (at === null) return t("finding.none");
  return t(given ? "finding.place_given" : "finding.place", { place: at });
}
