"""What in an OpenAPI document breaks clients that were written against an earlier one.

What clients send must still be taken: no operation, parameter or field is gone, none is newly required, no type or
value of an enumeration is refused, and no limit is narrower. What they are answered must still be there: no status,
media type or field is gone, and no field has another type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
_MOST, _LEAST = ("maximum", "maxLength", "maxItems", "maxProperties"), ("minimum", "minLength", "minItems")
Json = Mapping[str, Any]


def breaking_changes(old: Json, new: Json) -> list[str]:
    """A sentence for each change that breaks clients of ``old``."""
    return list(_Comparison(old, new).operations())


class _Comparison:
    def __init__(self, old: Json, new: Json) -> None:
        self._old, self._new = old, new
        self._seen: set[tuple[str, str, bool]] = set()

    def operations(self) -> Iterator[str]:
        for path, ways in self._old["paths"].items():
            for method in [one for one in ways if one in METHODS]:
                where, now = f"{method.upper()} {path}", self._new["paths"].get(path, {}).get(method)
                if now is None:
                    yield f"{where} is gone"
                else:
                    yield from self._operation(where, ways[method], now)

    def _operation(self, where: str, old: Json, new: Json) -> Iterator[str]:
        yield from self._parameters(where, old.get("parameters", ()), new.get("parameters", ()))
        before, after = old.get("requestBody", {}), new.get("requestBody", {})
        if after.get("required") and not before.get("required"):
            yield f"{where}: a body is required now"
        yield from self._contents(f"{where}: body", before.get("content", {}), after.get("content", {}), sent=True)
        for status, response in old["responses"].items():
            if int(status) >= 400:
                continue
            if status not in new["responses"]:
                yield f"{where}: the status {status} is gone"
                continue
            content, now = response.get("content", {}), new["responses"][status].get("content", {})
            yield from self._contents(f"{where}: {status}", content, now, sent=False)

    def _parameters(self, where: str, old: Any, new: Any) -> Iterator[str]:
        before = {(one["in"], one["name"]): one for one in old}
        after = {(one["in"], one["name"]): one for one in new}
        for key, one in before.items():
            if key not in after:
                yield f"{where}: the parameter {key[1]} is gone"
            else:
                yield from self._schemas(f"{where}: {key[1]}", one["schema"], after[key]["schema"], sent=True)
        for key, one in after.items():
            if one.get("required") and not before.get(key, {}).get("required"):
                yield f"{where}: the parameter {key[1]} is required now"

    def _contents(self, where: str, old: Json, new: Json, *, sent: bool) -> Iterator[str]:
        for kind, content in old.items():
            if kind not in new:
                yield f"{where}: {kind} is gone"
            else:
                yield from self._schemas(where, content.get("schema", {}), new[kind].get("schema", {}), sent=sent)

    def _schemas(self, where: str, old: Json, new: Json, *, sent: bool) -> Iterator[str]:
        pair = (old.get("$ref", ""), new.get("$ref", ""), sent)
        if all(pair[:2]) and pair in self._seen:
            return
        self._seen.add(pair)
        old, new = _resolved(old, self._old), _resolved(new, self._new)
        yield from self._variants(where, old, new, sent=sent)
        before, after = old.get("properties", {}), new.get("properties", {})
        for name, schema in before.items():
            if name in after:
                yield from self._schemas(f"{where}.{name}", schema, after[name], sent=sent)
            elif after or not sent:
                yield f"{where}: the field {name} is gone"
        required, still = set(old.get("required", ())), set(new.get("required", ()))
        if sent:
            yield from (f"{where}: the field {name} is required now" for name in sorted(still - required))
            yield from _narrower(where, old, new)
        else:
            gone = sorted((required - still) & set(after))
            yield from (f"{where}: the field {name} may be missing now" for name in gone)
        for inner in ("items", "additionalProperties", "contentSchema"):
            if isinstance(old.get(inner), dict) and isinstance(new.get(inner), dict):
                yield from self._schemas(f"{where}[]", old[inner], new[inner], sent=sent)

    def _variants(self, where: str, old: Json, new: Json, *, sent: bool) -> Iterator[str]:
        before, after = _alternatives(old, self._old), _alternatives(new, self._new)
        lost = before.keys() - after.keys() if sent else after.keys() - before.keys()
        if before and after and "any" not in (after if sent else before):
            yield from (f"{where}: {kind} is {'refused' if sent else 'answered'} now" for kind in sorted(lost))
        if len(before) > 1 or len(after) > 1:
            for kind in before.keys() & after.keys():
                if before[kind] is not old or after[kind] is not new:
                    yield from self._schemas(where, before[kind], after[kind], sent=sent)


def _resolved(schema: Json, document: Json) -> Json:
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def _alternatives(schema: Json, document: Json) -> dict[str, Json]:
    """Each type that a value may have, with what is said of it."""
    schema = _resolved(schema, document)
    found: dict[str, Json] = {}
    for inner in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        for kind, one in _alternatives(inner, document).items():
            found.setdefault(f"{kind} {one['title']}" if kind == "object" and "title" in one else kind, one)
    if found:
        return found
    kinds = schema.get("type", "any")
    return dict.fromkeys([kinds] if isinstance(kinds, str) else kinds, schema)


def _narrower(where: str, old: Json, new: Json) -> Iterator[str]:
    before, after = ([one["const"]] if "const" in one else one.get("enum") for one in (old, new))
    if after is not None and before is not None:
        yield from (f"{where}: the value {value!r} is refused now" for value in before if value not in after)
    elif after is not None and old.get("type"):
        yield f"{where}: only {after} are taken now"
    for limit in (*_MOST, *_LEAST):
        if limit not in new:
            continue
        if limit not in old or (new[limit] < old[limit] if limit in _MOST else new[limit] > old[limit]):
            yield f"{where}: {limit} is {new[limit]} now"
