// The documents that couldn't be taken in, by what is behind it, with the way out; and those that readers call outdated.

import { getJson, make, post, send, visible } from "./client.js";
import { button, buttons, line, part } from "./desk-parts.js";
import { minute, t, tOr } from "./texts.js";

const PAGE = 200;

export async function show(room, desk) {
  const source = desk.what;
  const path = source ? `/v1/sources/${encodeURIComponent(source)}/failures` : "/v1/failures";
  const count = make("p", { className: "place", role: "status" });
  const causes = make("div");
  const more = button(t("page.more"), () => load(found.length), { className: "link" });
  const all = button(t("failures.retry_all"), (pressed) => retry(pressed, source ? `?source_id=${source}` : ""));
  const outdated = part(t("outdated.title"));
  outdated.hidden = true;
  let found = [];
  let warned = [];

  async function load(from) {
    try {
      const page = await getJson(`${path}?limit=${PAGE}&offset=${from}`);
      found = from ? [...found, ...page.failures] : page.failures;
      warned = from ? [...warned, ...page.warnings] : page.warnings;
      causes.replaceChildren(...byCause(found).map(cause), ...(warned.length ? [warnings(warned)] : []));
      const said = [page.total ? t("failures.count", { n: page.total }) : t("failures.none")];
      if (page.total_warnings) said.push(t("failures.warned", { n: page.total_warnings }));
      count.textContent = said.join(" ");
      more.hidden = from + PAGE >= Math.max(page.total, page.total_warnings);
      all.hidden = !page.total;
      if (!from && !source) await loadOutdated();
    } catch (error) {
      count.textContent = error.message;
    }
  }

  function cause([name, failures]) {
    const { stage, error_class: kind } = failures[0];
    const rows = failures.map(row);
    const heading = t("failures.cause", { stage: tOr(`failures.${stage}`, stage), cause: kind, n: failures.length });
    return part(heading, make("p", {}, tOr(`ways.${name}`, t("ways.other"))), make("ul", { className: "failed" }, ...rows));
  }

  function row(failure) {
    const name = failure.external_id;
    const stage = tOr(`failures.${failure.stage}`, failure.stage);
    const failed = t("failures.how", { stage, cause: failure.error_class, n: failure.attempts });
    const again = button(t("failures.retry"), (pressed) => retry(pressed, `?document_id=${encodeURIComponent(failure.document_id)}`, true), {
      name: t("failures.retry_one", { name: visible(name) }),
      className: "link",
    });
    const life = button(t("failures.life"), () => desk.go("documents", { document: failure.document_id }), {
      name: t("failures.life_of", { name: visible(name) }),
      className: "link",
    });
    return make(
      "li",
      {},
      make("p", { className: "title" }, name),
      make("p", {}, failure.message),
      line(`${failed} ${when(failure)} ${whatHelps(failure)}`),
      buttons(again, life),
    );
  }

  /** Try all of them again, or one. */
  async function retry(pressed, which, one = false) {
    pressed.disabled = true;
    try {
      const { retried } = await post(`/v1/failures/retry${which}`);
      desk.say(one && !retried ? t("failures.running") : t("failures.retried", { n: retried }));
    } catch (error) {
      desk.say(error.message);
    } finally {
      pressed.disabled = false;
    }
  }

  async function loadOutdated() {
    const { documents } = await getJson("/v1/outdated");
    outdated.hidden = !documents.length;
    outdated.lastElementChild.replaceWith(make("ul", { className: "failed" }, ...documents.map(reported)));
  }

  function reported({ document_id: id, title, external_id: name, readers, comments, changed }) {
    const said = [`${name}.`, t("outdated.readers", { n: readers }), changed && t("outdated.changed")].filter(Boolean);
    const item = make("li", {}, make("p", { className: "title" }, title || name), line(said.join(" ")), ...comments.map((one) => make("p", {}, one)));
    const settle = button(t("outdated.seen"), async () => {
      try {
        await send("DELETE", `/v1/outdated/${id}`);
        item.remove();
        outdated.hidden = !outdated.querySelector("li");
        desk.say(t("outdated.settled"));
        all.parentElement.querySelector("button:not([hidden])").focus();
      } catch (error) {
        desk.say(error.message);
      }
    }, { name: t("outdated.seen_one", { name: visible(title || name) }), className: "link" });
    item.append(settle);
    return item;
  }

  outdated.append(make("ul"));
  const again = button(t("failures.refresh"), () => {
    desk.say("");
    return load(0);
  });
  room.replaceChildren(count, buttons(all, again), causes, more, outdated);
  await load(0);
}

/** Failures by stage and kind of error, the most first. */
function byCause(failures) {
  const groups = new Map();
  for (const failure of failures) {
    const name = snake(failure.error_class);
    const key = `${failure.stage} ${name}`;
    if (!groups.has(key)) groups.set(key, [name, []]);
    groups.get(key)[1].push(failure);
  }
  return [...groups.values()].sort(([, one], [, other]) => other.length - one.length);
}

const snake = (name) => name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase();

/** Documents that hold a secret, or files that were left out because they are one: nothing to try again. */
function warnings(found) {
  const rows = found.map(({ external_id: name, message }) => make("li", {}, make("p", { className: "title" }, name), make("p", {}, message)));
  return part(t("failures.secrets", { n: found.length }), make("ul", { className: "failed" }, ...rows));
}

function when({ first_seen: first, last_seen: last }) {
  const seen = { first: minute(first), last: minute(last) };
  return t(seen.first === seen.last ? "failures.seen" : "failures.first_seen", seen);
}

function whatHelps({ stage, retryable }) {
  if (stage === "list") return t("failures.next_list");
  return t(retryable ? "failures.next_retry" : "failures.next_change");
}
