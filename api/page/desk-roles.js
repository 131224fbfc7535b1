// Roles: what each may do, who gives it, and how many keys have it.

import { getJson } from "./client.js";
import { line, table } from "./desk-parts.js";
import { t } from "./texts.js";

export async function show(room) {
  const [{ roles, providers }, { keys }] = await Promise.all([getJson("/v1/roles"), getJson("/v1/keys")]);
  const live = keys.filter((key) => !key.revoked_at);
  const rows = roles.map((role) => [t(`roles.${role}`), t(`may.${role}`), String(live.filter((key) => key.roles.includes(role)).length)]);
  const given = providers.flatMap(({ name, default_roles: usual, rules }) => [
    ...usual.map((role) => [name, t("rules.everybody"), t(`roles.${role}`)]),
    ...rules.map((rule) => [name, t("rules.claim", rule), t(`roles.${rule.role}`)]),
  ]);
  const byRule = given.length
    ? table(t("rules.given"), [t("rules.provider"), t("rules.who"), t("rules.role")], given)
    : line(t("rules.no_provider"));
  room.replaceChildren(table(t("rules.roles"), [t("rules.role"), t("rules.may"), t("rules.keys")], rows), byRule, line(t("rules.where")));
}
