// Keys: made, rotated, revoked; what each opens, and when it was last used. A key itself is shown once.

import { getJson, make, send, visible } from "./client.js";
import { button, buttons, choice, confirmed, facts, field, form, input, part, tick, words } from "./desk-parts.js";
import { minute, t } from "./texts.js";

const ROLES = ["reader", "curator", "reviewer", "auditor", "admin"];
const DAY = 86_400_000; // milliseconds
const DAYS = ["", "1", "7", "30", "90", "365"];
const OVERLAPS = ["0", "3600", "86400", "604800"]; // seconds

export async function show(room, desk) {
  const list = make("ul", { className: "failed" });
  const fresh = make("div", { role: "status" });

  async function load() {
    const { keys } = await getJson("/v1/keys");
    list.replaceChildren(...keys.sort((one, other) => gone(one) - gone(other)).map(row));
  }

  function row(key) {
    const actions = gone(key) ? [] : [
      button(t("access.rotate"), () => rotate(key), { name: t("access.rotate_one", { name: visible(key.name) }), className: "link" }),
      button(t("access.revoke"), () => revoke(key), { name: t("access.revoke_one", { name: visible(key.name) }), className: "link" }),
    ];
    return make("li", {}, make("p", { className: "title" }, `${key.name} (${key.prefix}…)`), facts(opens(key)), buttons(...actions));
  }

  async function rotate(key) {
    const overlap = choice(OVERLAPS.map((seconds) => [seconds, t(`access.overlap_${seconds}`)]), "86400");
    const asking = form(t("access.rotate"), [field(t("access.overlap"), overlap)], async () => {
      const made = await send("POST", `/v1/keys/${key.id}/rotate`, { overlap_s: Number(overlap.value) });
      await shown(made);
    });
    fresh.replaceChildren(part(t("access.rotate_one", { name: key.name }), asking.form));
    overlap.focus();
  }

  async function revoke(key) {
    if (!(await confirmed(t("access.revoke_sure", { name: key.name }), t("access.revoke")))) return;
    try {
      await send("DELETE", `/v1/keys/${key.id}`);
      await load();
      desk.say(t("access.revoked_now", { name: key.name }));
    } catch (error) {
      desk.say(error.message);
    }
  }

  /** A key that was made, this once. */
  async function shown({ name, key }) {
    const text = input({ value: key, readOnly: true });
    const copy = button(t("access.copy"), async () => {
      await navigator.clipboard.writeText(key).catch(() => text.select());
      desk.say(t("access.copied"));
    });
    fresh.replaceChildren(part(t("access.made", { name }), field(t("access.once"), text), buttons(copy)));
    text.focus();
    text.select();
    await load();
  }

  room.replaceChildren(maker(shown), fresh, part(t("access.all"), list));
  await load();
}

/** The form of a new key. */
function maker(shown) {
  const [name, user, groups, routes, sources] = [input({ required: true, maxLength: 200 }), input(), input(), input(), input()];
  const roles = ROLES.map((role) => tick(t(`roles.${role}`), role === "reader", role));
  const act = tick(t("access.act"));
  const days = choice(DAYS.map((count) => [count, count ? t("access.days", { n: Number(count) }) : t("access.no_end")]), "90");
  const made = form(t("access.make"), [
    field(t("access.name"), name),
    field(t("life.user"), user, t("access.user_hint")),
    field(t("life.groups"), groups),
    make("fieldset", {}, make("legend", {}, t("access.roles")), ...roles.map((one) => one.row)),
    act.row,
    field(t("access.ends"), days),
    field(t("access.routes"), routes, t("access.routes_hint")),
    field(t("access.sources"), sources),
  ], async () => {
    const ends = days.value ? new Date(Date.now() + Number(days.value) * DAY).toISOString() : null;
    const body = {
      name: name.value.trim(),
      user: user.value.trim() || null,
      groups: words(groups.value),
      roles: roles.filter(({ box }) => box.checked).map(({ box }) => box.value),
      may_act: act.box.checked,
      routes: words(routes.value),
      sources: words(sources.value),
      expires_at: ends,
    };
    await shown(await send("POST", "/v1/keys", body));
    made.form.reset();
    details.open = false;
  });
  const details = make("details", {}, make("summary", {}, t("access.new")), made.form);
  return details;
}

const gone = (key) => Boolean(key.revoked_at) || (key.expires_at !== null && new Date(key.expires_at) < new Date());

function opens(key) {
  const ended = key.revoked_at ? t("access.revoked", { at: minute(key.revoked_at) }) : key.expires_at && minute(key.expires_at);
  const whom = [key.user, ...key.groups.map((group) => t("access.group", { name: group }))].filter(Boolean).join(", ");
  return [
    [t("access.reads"), whom || t("access.public")],
    [t("access.roles"), key.roles.map((role) => t(`roles.${role}`)).join(", ")],
    [t("access.may"), key.may_act ? t("access.act") : ""],
    [t("access.routes"), key.routes.join(", ")],
    [t("access.sources"), key.sources.join(", ")],
    [t("access.ends"), ended || t("access.no_end")],
    [t("access.used"), key.last_used_at ? minute(key.last_used_at) : t("access.never")],
    [t("access.configured"), key.from_configuration ? t(key.in_configuration ? "access.there" : "access.not_there") : ""],
  ];
}
