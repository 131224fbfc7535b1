"""What a source of rows is told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from core.metadata import FACTS
from core.section import Positive, Seconds
from ingestion.connectors.port import SourceConfig
from ingestion.connectors.sql.queries import faults_of
from ingestion.connectors.sql.rendering import read_template

ColumnName = Annotated[str, Field(min_length=1, max_length=200)]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class MetadataColumns(BaseModel):
    """Which column says which fact of a document; a fact without one isn't told by the database."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: ColumnName | None = None
    author: ColumnName | None = None
    owner: ColumnName | None = None
    department: ColumnName | None = None
    tags: ColumnName | None = None
    """A list, JSON, or words between commas."""
    created: ColumnName | None = None
    modified: ColumnName | None = None
    language: ColumnName | None = None

    def named(self) -> dict[str, str]:
        """The columns that are named, by fact."""
        return {name: column for name in FACTS if (column := getattr(self, name, None)) is not None}


class SqlConfig(SourceConfig):
    """What a database source is told.

    Attributes:
        url: of the database, as SQLAlchemy writes it: ``postgresql://user:password@host/db``, ``mysql://...``,
            ``mariadb://...``, ``sqlite:////folder/file.sqlite3``, or that of any dialect that is installed.
        query: one SELECT, whose rows are the documents. Or
        table: a table or view, ``schema.table`` where it has one.
        key: the column, or columns, whose values no two rows share.
        template: Jinja; makes a document of a row. Columns are its variables.
        format: what the template writes. In HTML, values are escaped.
        modified: a column that grows whenever a row changes: a time, or a number. None: rows are compared by their
            content, so that each listing reads all of them.
        overlap: how far behind the greatest ``modified`` seen a listing begins, in seconds (or, of numbers, in ones):
            for transactions that end later than the moment that they write down.
        acl: the column with a row's readers, as terms: a list, JSON, or between commas.
        columns: which columns say which facts.
        uri: Jinja; the address that a person opens a row by: ``https://crm.example.com/tickets/{{ id }}``.
        page_rows: rows of a page.
        timeout_s: for a connection, and for each statement.
        allow_private: whether the database may be on this machine or in a private network.
    """

    url: SecretStr
    query: str | None = Field(default=None, json_schema_extra={"contentMediaType": "application/sql"})
    table: ColumnName | None = None
    key: Annotated[tuple[ColumnName, ...], BeforeValidator(_listed), Field(min_length=1, max_length=8)]
    template: str = Field(json_schema_extra={"contentMediaType": "text/plain"})
    format: Literal["markdown", "html"] = "markdown"
    modified: ColumnName | None = None
    overlap: Annotated[int, Field(ge=0)] = 300
    acl: ColumnName | None = None
    columns: MetadataColumns = MetadataColumns()
    uri: str | None = None
    page_rows: Annotated[Positive, Field(le=1000)] = 500
    timeout_s: Seconds = 60
    allow_private: bool = False

    @field_validator("query")
    @classmethod
    def _one_select(cls, query: str | None) -> str | None:
        if query is not None and (fault := faults_of(query)) is not None:
            raise ValueError(fault)
        return query

    @field_validator("template", "uri")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        if text is not None:
            read_template(text, escape=False)
        return text

    @model_validator(mode="after")
    def _rows_of_something(self) -> SqlConfig:
        if (self.query is None) == (self.table is None):
            raise ValueError("name a query or a table, and not both")
        return self

    def wanted(self) -> dict[str, str]:
        """The columns that there must be, each with the key that names it."""
        named = {column: f"columns.{fact}" for fact, column in self.columns.named().items()}
        rest = {"modified": self.modified, "acl": self.acl}
        named |= {column: key for key, column in rest.items() if column is not None}
        return named | dict.fromkeys(self.key, "key")
