// A control for a property of a JSON schema: what is typed into it is read as the property's type.

import { area, choice, field, input, tick } from "./desk-parts.js";
import { t } from "./texts.js";

const ONE_LINE = /^(string|integer|number)$/;

/**
 * The row of a setting, and `read()`: its value, undefined where it is to be left as it would be. Throws an Error that
 * says what is wrong.
 */
export function control(name, schema, required, value) {
  const type = { ...schema, ...schema.anyOf?.find((one) => one.type !== "null") };
  const label = required ? t("form.required", { name }) : name;
  const hint = schema.description ?? "";
  const given = value ?? schema.default ?? null;
  const made = kindOf(type, given);
  made.element.required = required;
  const row = made.row ?? field(label, made.element, hint);
  if (made.row) {
    made.name(label);
    if (hint) made.element.title = hint;
  }
  const read = () => {
    const found = made.read(name);
    if (found === undefined && required) throw new Error(t("form.missing", { name }));
    const same = JSON.stringify(found ?? null) === JSON.stringify(schema.default ?? null);
    return same && !required ? undefined : found;
  };
  return { row, read };
}

function kindOf(type, given) {
  if (type.type === "boolean") return box(given);
  if (type.enum) return options(type.enum, given);
  if (type.type === "array" && type.items?.type === "string") return list(given);
  if (!ONE_LINE.test(type.type)) return json(given);
  if (type.type !== "string") return number(type, given);
  return text(type, given);
}

function box(given) {
  const { box: element, row } = tick("", Boolean(given));
  return { element, row, name: (label) => row.append(label), read: () => element.checked };
}

function options(values, given) {
  const element = choice([["", t("form.as_usual")], ...values.map((one) => [one, one])], given ?? "");
  return { element, read: () => element.value || undefined };
}

function list(given) {
  const element = area({ value: (given ?? []).join("\n"), placeholder: t("form.one_a_line") });
  return { element, read: () => orNothing(element.value.split("\n").map((one) => one.trim()).filter(Boolean)) };
}

const orNothing = (found) => (found.length ? found : undefined);

function json(given) {
  const element = area({ value: given === null ? "" : JSON.stringify(given, null, 1), placeholder: "{ }" });
  const read = (name) => {
    if (!element.value.trim()) return undefined;
    try {
      return JSON.parse(element.value);
    } catch {
      throw new Error(t("form.no_json", { name }));
    }
  };
  return { element, read };
}

function number(type, given) {
  const step = type.type === "integer" ? 1 : "any";
  const element = input({ type: "number", min: type.minimum ?? "", max: type.maximum ?? "", step, value: given ?? "" });
  return { element, read: () => (element.value === "" ? undefined : Number(element.value)) };
}

/** Several lines where the schema names what is written there; a password's field for a secret of one line. */
function text(type, given) {
  const many = Boolean(type.contentMediaType);
  const secret = type.writeOnly ? { type: "password", autocomplete: "new-password" } : {};
  const element = many ? area({ rows: 4, value: given ?? "" }) : input({ ...secret, spellcheck: false, value: given ?? "" });
  return { element, read: () => element.value.trim() || undefined };
}
