"""Builds of the index side by side, and which of them is live.

A generation is an index ``<name>-g<nanoseconds since 1970>``. The live one carries the aliases ``<name>-read`` and
``<name>-write``. Every one also carries ``<generation>-self``, because only a write to an alias can be made to fail,
rather than create an index, when its target is gone.
"""

from __future__ import annotations

import builtins
import re
import time
from collections.abc import Callable
from typing import Any

from core.errors import ConfigurationError, Conflict, NotFound
from core.logs import get_logger
from core.settings import IndexSettings
from retrieval.index.opensearch.client import Client
from retrieval.index.opensearch.layouts import UNKNOWN, Layouts
from retrieval.index.opensearch.mapping import FACT_FIELDS, GUARD_FIELDS, index_body, live_settings
from retrieval.index.opensearch.vectors import VectorLayout
from retrieval.index.port import Generation

log = get_logger(__name__)

ADMIN_TIMEOUT_S = 60.0
"""Creating and deleting indices waits for the whole cluster."""

_FIRST = 0
_MARK = "catalog"


class Generations:
    """The generations of one index name."""

    def __init__(self, client: Client, settings: IndexSettings, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._client = client
        self._settings = settings
        self._now_ns = now_ns
        self._pattern = re.compile(re.escape(settings.name) + r"-g\d{19}")
        self.read = f"{settings.name}-read"
        self.write = f"{settings.name}-write"

    def list(self) -> list[Generation]:
        """All generations, oldest first."""
        return [_generation(name, meta, live=live) for name, meta, live in self._about()]

    def _about(self) -> builtins.list[tuple[str, dict[str, Any], bool]]:
        """Name, what was written down with it, and whether it is live, of each generation."""
        found: dict[str, Any] = self._client.request(
            "GET",
            f"/{self._settings.name}-g*",
            params={"filter_path": "*.aliases,*.mappings._meta", "expand_wildcards": "open"},
        )
        return [
            (name, about["mappings"]["_meta"], self.read in about["aliases"])
            for name, about in sorted(found.items())
            if self._pattern.fullmatch(name)
        ]

    def get(self, name: str) -> Generation:
        """The generation of that name.

        Raises:
            NotFound: there is none.
        """
        for generation in self.list():
            if generation.name == name:
                return generation
        raise NotFound(f"The index has no generation {name!r}.")

    def ensure(self, embedder: str, dimensions: int, model: str = "") -> Generation:
        """The live generation, created if there is none; see the port."""
        live = self._live()
        if live is None:
            # The name is fixed and the aliases come with the index, so that of several processes one creates it.
            name = self._name(_FIRST)
            self._create(name, (embedder, dimensions, model), live=True)
            live = self._live()
            if live is None:
                raise ConfigurationError(
                    f"{name} in OpenSearch exists, but no generation carries the alias "
                    f"{self.read}. Swap one in, or delete it."
                )
        if (live.embedder, live.dimensions) != (embedder, dimensions):
            raise ConfigurationError(
                f"The index {self._settings.name!r} was built by the embedder {live.embedder} ({live.dimensions} "
                f"dimensions), but embedder.model is {embedder} ({dimensions}). Go back to that model, or build a new "
                "generation with the new one, or choose another index.name."
            )
        self._complete()
        self._compare(live.name)
        return live

    def begin(self, embedder: str, dimensions: int, model: str = "") -> Generation:
        """A new generation beside the live one, set up for a backfill."""
        name = self._name(self._now_ns())
        self._create(name, (embedder, dimensions, model), live=False, mark=self.mark())
        return self.get(name)

    def swap(self, name: str) -> None:
        """Make that generation live in one step."""
        self.get(name)
        self._client.request("PUT", f"/{name}/_settings", live_settings(self._settings.opensearch))
        self._client.request("POST", f"/{name}/_refresh", timeout_s=ADMIN_TIMEOUT_S)
        everywhere = {"index": f"{self._settings.name}-g*", "aliases": [self.read, self.write], "must_exist": False}
        actions = [
            {"remove": everywhere},
            {"add": {"index": name, "alias": self.read}},
            {"add": {"index": name, "alias": self.write, "is_write_index": True}},
        ]
        self._client.request("POST", "/_aliases", {"actions": actions}, timeout_s=ADMIN_TIMEOUT_S)

    def drop(self, name: str) -> None:
        """Delete a generation that isn't live; see the port."""
        if self.get(name).live:
            raise Conflict(f"Generation {name} is live: swap another one in before dropping it.")
        self._client.request("DELETE", f"/{name}", timeout_s=ADMIN_TIMEOUT_S)

    def mark(self) -> str:
        """The line that was kept with the live generation; empty without one."""
        return next((about.get(_MARK, "") for _, about, live in self._about() if live), "")

    def set_mark(self, mark: str) -> None:
        """Keep a line with every generation."""
        for name, about, _ in self._about():
            self._client.request(
                "PUT", f"/{name}/_mapping", {"_meta": {**about, _MARK: mark}}, timeout_s=ADMIN_TIMEOUT_S
            )

    def _complete(self) -> None:
        """Add the fields that generations of an earlier release lack; their chunks have nothing in them."""
        fields = {**FACT_FIELDS, **GUARD_FIELDS}
        wanted = ",".join(f"*.mappings.properties.{name}.type" for name in fields)
        path = f"/{self._settings.name}-g*/_mapping"
        found = self._client.request("GET", path, params={"filter_path": wanted, "expand_wildcards": "open"})
        for generation in self.list():
            known = found.get(generation.name, {}).get("mappings", {}).get("properties", {})
            missing = {name: kind for name, kind in fields.items() if name not in known}
            if missing:
                body = {"properties": missing}
                self._client.request("PUT", f"/{generation.name}/_mapping", body, timeout_s=ADMIN_TIMEOUT_S)

    def _compare(self, live: str) -> None:
        """Say when the settings' options of vectors are no longer those of the live generation."""
        built = Layouts(self._client, live).look().layout
        wanted = VectorLayout.of_settings(self._settings.opensearch)
        if built not in (wanted, UNKNOWN):
            log.warning(
                "index.options_differ",
                generation=live,
                built=built.as_meta(),
                settings=wanted.as_meta(),
                remedy="footnote index rebuild",
            )

    @staticmethod
    def alias_of(name: str) -> str:
        """The alias that always means this generation."""
        return f"{name}-self"

    def _live(self) -> Generation | None:
        return next((generation for generation in self.list() if generation.live), None)

    def _name(self, moment_ns: int) -> str:
        return f"{self._settings.name}-g{moment_ns:019d}"

    def _create(self, name: str, made_by: tuple[str, int, str], *, live: bool, mark: str = "") -> None:
        embedder, dimensions, model = made_by
        body = index_body(self._settings.opensearch, embedder, dimensions, backfill=not live)
        body["mappings"]["_meta"] |= {"model": model, _MARK: mark}
        aliases: dict[str, Any] = {self.alias_of(name): {}}
        if live:
            aliases |= {self.read: {}, self.write: {"is_write_index": True}}
        try:
            self._client.request("PUT", f"/{name}", {**body, "aliases": aliases}, timeout_s=ADMIN_TIMEOUT_S)
        except ConfigurationError as error:
            if "resource_already_exists_exception" not in error.message:
                raise


def _generation(name: str, meta: dict[str, Any], *, live: bool) -> Generation:
    layout = VectorLayout.of_meta(meta)
    return Generation(
        name=name,
        embedder=meta["embedder"],
        dimensions=meta["dimensions"],
        live=live,
        model=meta.get("model", ""),
        lossy=layout is not None and layout.lossy,
    )
