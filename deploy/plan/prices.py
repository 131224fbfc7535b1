"""The file of prices."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import InvalidRequest

PACKAGED = Path(__file__).with_name("prices.toml")

_Dollars = Annotated[float, Field(ge=0)]
_Some = Annotated[int, Field(gt=0)]
_Entry = TypeVar("_Entry")


class _Prices(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IndexNode(_Prices):
    """A data node of OpenSearch: dollars an hour, GiB of memory and of disk at most."""

    hour: _Dollars
    memory_gib: _Some
    cores: _Some
    most_disk_gib: _Some


class Index(_Prices):
    """What a managed OpenSearch costs besides its data nodes."""

    disk_gib_month: _Dollars
    master_node: str
    master_hour: _Dollars
    masters: int = Field(ge=0)


class Worker(_Prices):
    """A machine that parses or embeds."""

    machine: str
    hour: _Dollars
    cores: _Some


class Service(_Prices):
    """What runs always, whatever the number of documents."""

    api_nodes: _Some
    api_machine: str
    api_hour: _Dollars
    cluster_hour: _Dollars
    database_hour: _Dollars
    database_gib_month: _Dollars
    queue_hour: _Dollars
    network_hour: _Dollars
    blob_gib_month: _Dollars
    monitoring_month: _Dollars


class ChatModel(_Prices):
    """Dollars for a million tokens, read and written."""

    input: _Dollars
    output: _Dollars


class Embedder(_Prices):
    """Dollars for a million tokens; components of a vector, and tokens that one reads at most.

    Attributes:
        cut_to: dimensions that its vectors may be cut to, as their maker says.
    """

    input: _Dollars
    dimensions: _Some
    tokens: _Some
    cut_to: tuple[_Some, ...] = ()


class Prices(_Prices):
    """Everything that the file says."""

    date: date
    region: str
    source: str
    index_node: dict[str, IndexNode]
    index: Index
    worker: dict[str, Worker]
    service: Service
    chat_model: dict[str, ChatModel]
    embedder: dict[str, Embedder]

    def node(self, name: str) -> IndexNode:
        """A data node by its name."""
        return _named(self.index_node, name, "index_node")

    def model(self, name: str) -> ChatModel:
        """A chat model by its name."""
        return _named(self.chat_model, name, "chat_model")

    def embedder_of(self, name: str) -> Embedder:
        """An embedder by its name."""
        return _named(self.embedder, name, "embedder")

    def worker_of(self, name: str) -> Worker:
        """A worker by what it does."""
        return _named(self.worker, name, "worker")


def _named(entries: Mapping[str, _Entry], name: str, table: str) -> _Entry:
    try:
        return entries[name]
    except KeyError:
        raise InvalidRequest(
            f"{name!r} has no price. The file of prices knows {', '.join(entries)}: add [{table}.{name!r}] to a copy "
            f"of it, and name the copy with --prices."
        ) from None


def read_prices(file: Path = PACKAGED) -> Prices:
    """Read a file of prices.

    Raises:
        InvalidRequest: it can't be read, or lacks something; names the place.
    """
    try:
        said: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        return Prices.model_validate(said)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidRequest(f"The prices in {file} can't be read: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"The prices in {file}, {place}: {first['msg']}") from None
