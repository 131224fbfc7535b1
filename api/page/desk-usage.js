// Who used how much of the language model, and what it cost.

import { getJson, make } from "./client.js";
import { choice, field, form, input, line, query, table } from "./desk-parts.js";
import { language, t } from "./texts.js";

const BY = ["department", "key", "model", "day"];

export async function show(room, desk) {
  const by = choice(BY.map((one) => [one, t(`usage.by_${one}`)]), "department");
  const [since, until] = [input({ type: "date" }), input({ type: "date" })];
  const shown = make("div");

  async function load() {
    const found = await getJson(`/v1/usage?${query({ by: by.value, since: since.value, until: until.value })}`);
    const names = by.value === "key" ? await keyNames(desk.me) : new Map();
    const rows = found.usage.map((one) => [
      names.get(one.name) ?? (one.name || t("usage.unknown")),
      number(one.answers),
      number(one.input_tokens),
      number(one.output_tokens),
      one.cost === null ? t("usage.no_price") : money(one.cost, found.currency),
    ]);
    const heads = [t(`usage.by_${by.value}`), t("usage.answers"), t("usage.read"), t("usage.written"), t("usage.cost")];
    shown.replaceChildren(rows.length ? table(t("usage.table", found), heads, rows) : line(t("usage.nothing")));
  }

  const parts = [make("div", { className: "grid" }, field(t("usage.by"), by), field(t("usage.since"), since), field(t("usage.until"), until))];
  room.replaceChildren(form(t("usage.show"), parts, load).form, shown);
  await load();
}

const number = (count) => count.toLocaleString(language);
const money = (cost, currency) => cost.toLocaleString(language, { style: "currency", currency });

/** Keys by their ids, for who may see them. */
async function keyNames(me) {
  if (!me.admin) return new Map();
  return new Map((await getJson("/v1/keys")).keys.map((key) => [key.id, key.name]));
}
