// For reviewers and administrators: how answers differ from week to week, and reports that were published.

import { getBlob, getJson, make } from "./client.js";
import { day, minute, t } from "./texts.js";

const SHARES = ["failed", "abstained", "unsupported", "thumbs_down", "cached"];
const percent = (value) => `${(100 * value).toFixed(1)} %`;
const body = make("div", { className: "entries", tabIndex: 0 });
const title = make("h2", { id: "evaluation-title", tabIndex: -1 }, t("evaluation.title"));
const close = make("button", { type: "button", className: "quiet" }, t("evaluation.close"));
const dialog = make("dialog", { id: "evaluation", className: "reader" }, make("div", { className: "top" }, title, close), body);
const opener = document.getElementById("open-evaluation");

async function load() {
  body.replaceChildren();
  try {
    const [me, drift] = await Promise.all([getJson("/v1/me"), getJson("/v1/evaluation/drift")]);
    body.append(...weeksOf(drift));
    if (me.admin) body.append(...listOf((await getJson("/v1/evaluation/reports")).reports));
  } catch (error) {
    body.append(make("p", { className: "notice" }, error.message));
  }
}

function weeksOf({ weeks, topics, oldest, published_at: at }) {
  if (!weeks.length) return [make("p", { className: "notice" }, t("evaluation.no_weeks"))];
  const heads = ["week", "answers", ...SHARES, "p95"].map((name) => make("th", { scope: "col" }, t(`evaluation.${name}`)));
  const rows = weeks.toReversed().map((week) => make("tr", {}, ...cellsOf(week)));
  const table = make("table", { className: "weeks" }, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
  const told = [make("p", { className: "hint" }, t("evaluation.published", { at: minute(at) })), make("div", { className: "wide", tabIndex: 0, role: "group" }, table)];
  if (topics) {
    const values = { psi: topics.psi.toFixed(3), usual: topics.usual.toFixed(3), share: percent(topics.new) };
    told.push(make("p", {}, t("evaluation.topics", values)));
  }
  if (oldest.length) {
    const lines = oldest.map(({ document_id: id, answers, changed }) =>
      make("li", {}, make("code", {}, id), ` ${t("evaluation.old", { n: answers, changed: day(changed) })}`),
    );
    told.push(make("h3", {}, t("evaluation.oldest")), make("ul", {}, ...lines));
  }
  return told;
}

function cellsOf(week) {
  const shares = SHARES.map((name) => {
    const { value, low, high } = week[name];
    return make("td", { title: `${percent(low)} – ${percent(high)}` }, percent(value));
  });
  const monday = make("th", { scope: "row" }, day(week.monday));
  return [monday, make("td", {}, String(week.answers)), ...shares, make("td", {}, `${(week.p95_ms / 1000).toFixed(1)} s`)];
}

function listOf(found) {
  const lines = found.map(({ id, name, published_at: at }) => {
    const link = make("button", { type: "button", className: "quiet" }, `${name}, ${minute(at)}`);
    link.addEventListener("click", () => save(id, name));
    return make("li", {}, link);
  });
  const list = lines.length ? make("ul", {}, ...lines) : make("p", { className: "notice" }, t("evaluation.no_reports"));
  return [make("h3", {}, t("evaluation.reports")), list];
}

/** A report is saved, not shown here: it is a page of its own, with anybody's text in it. */
async function save(id, name) {
  try {
    const url = URL.createObjectURL(await getBlob(`/v1/evaluation/reports/${id}`));
    make("a", { href: url, download: `${name}.html` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  } catch (error) {
    body.prepend(make("p", { className: "notice", role: "alert" }, error.message));
  }
}

dialog.setAttribute("aria-labelledby", "evaluation-title");
document.body.append(dialog);
opener.addEventListener("click", () => {
  dialog.showModal();
  title.focus();
  load();
});
close.addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => opener.focus());
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
