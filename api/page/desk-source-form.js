// The form of a source: what is asked for follows from the JSON schema of its kind. A worker tries it out.

import { getJson, make, send } from "./client.js";
import { button, choice, field, form, input, line, table, trying } from "./desk-parts.js";
import { control } from "./desk-schema.js";
import { t } from "./texts.js";

const MINUTE = 60; // seconds

/** The form of a new source, or of one that there is. */
export async function show(room, desk, source = null) {
  const back = button(t("desk.back"), () => desk.go("sources", source?.id), { className: "link" });
  const heading = make("h4", { tabIndex: -1 }, source ? t("form.change", { name: source.name }) : t("sources.add"));
  const name = input({ maxLength: 200, required: true, value: source?.name ?? "" });
  const minutes = input({ type: "number", min: 1, value: source ? source.interval_s / MINUTE : "" });
  const settings = make("div");
  const found = make("div", { role: "status" });
  let kind = source?.kind ?? null;
  let controls = {};

  async function choose(wanted) {
    const { config } = await getJson(`/v1/sources/kinds/${encodeURIComponent(wanted)}`);
    kind = wanted;
    const required = new Set(config.required ?? []);
    const named = Object.entries(config.properties).sort(([one], [other]) => required.has(other) - required.has(one));
    controls = Object.fromEntries(named.map(([key, schema]) => [key, control(key, schema, required.has(key), source?.config[key])]));
    settings.replaceChildren(line(config.description ?? ""), ...Object.values(controls).map((one) => one.row));
  }

  /** What the settings say; those that are as they would be anyway are left out. Throws an Error that says what is missing. */
  function config() {
    const values = Object.entries(controls).map(([key, one]) => [key, one.read()]);
    return Object.fromEntries(values.filter(([, value]) => value !== undefined));
  }

  async function test(pressed) {
    await trying(pressed, fault, async () => {
      found.replaceChildren(line(t("form.testing")));
      const asked = source ? { source_id: source.id, config: config() } : { kind, config: config() };
      const told = await send("POST", "/v1/sources/check", asked).finally(() => found.replaceChildren());
      found.replaceChildren(...outcome(told));
    });
  }

  async function save() {
    const every = minutes.value ? { interval_s: Math.round(Number(minutes.value) * MINUTE) } : {};
    const body = { name: name.value.trim(), config: config(), ...every };
    if (source) await send("PATCH", `/v1/sources/${encodeURIComponent(source.id)}`, body);
    else await send("POST", "/v1/sources?sync=true", { kind, ...body });
    await desk.go("sources");
    desk.say(t(source ? "form.changed" : "form.added"));
  }

  const trial = button(t("form.test"), test);
  const parts = [field(t("form.name"), name), field(t("form.minutes"), minutes, t("form.minutes_hint")), settings];
  const made = form(t(source ? "form.save" : "form.add"), parts, save, [trial]);
  const { fault, submit } = made;
  if (source) await choose(kind);
  else {
    const { kinds } = await getJson("/v1/sources/kinds");
    const chosen = choice(kinds.map((one) => [one, one]), kinds.includes("folder") ? "folder" : kinds[0]);
    chosen.addEventListener("change", () => trying(submit, fault, () => choose(chosen.value)));
    made.form.prepend(field(t("source.kind"), chosen));
    await choose(chosen.value);
  }
  room.replaceChildren(back, heading, made.form, found);
  heading.focus();
}

/** What a worker found with the settings: who may read the first documents, or what stands against it. */
function outcome({ reachable, let_in: letIn, reason, documents }) {
  if (!reachable) return [line(t("form.unreachable", { why: reason }))];
  if (letIn === false) return [line(t("form.refused", { why: reason }))];
  const rows = documents.map((one) => [one.title || one.uri, one.readers ? one.readers.join(", ") || t("form.nobody") : t("form.nobody"), one.fault ?? ""]);
  const said = line(t("form.works", { n: documents.length }));
  return rows.length ? [said, table(t("form.found"), [t("form.document"), t("form.readers"), t("form.fault")], rows)] : [said];
}
