// Limits: how much one person, one key and one address may ask for.

import { getJson } from "./client.js";
import { facts, line, table } from "./desk-parts.js";
import { language, t } from "./texts.js";

const WHOSE = ["principal", "key", "address"];
const WHAT = ["requests_per_minute", "at_once", "streams", "tokens_per_day"];

export async function show(room) {
  const found = await getJson("/v1/limits");
  const rows = WHOSE.map((whose) => [t(`limits.${whose}`), ...WHAT.map((what) => found[whose][what] ? found[whose][what].toLocaleString(language) : t("limits.none"))]);
  const all = table(t("limits.table"), [t("limits.whose"), ...WHAT.map((what) => t(`limits.${what}`))], rows);
  room.replaceChildren(all, facts([[t("limits.exempt"), found.exempt.join(", ")]]), line(t("limits.where")));
}
