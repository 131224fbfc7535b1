"""Documents that are pushed to a source, and what came of them."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from pydantic import Field, model_validator

from api.schemas.base import Many, RequestBody, ResponseBody
from api.schemas.sources import RunBody

Version = Annotated[int, Field(ge=0, le=2**63 - 1)]
Uri = Annotated[str, Field(max_length=2000)]


class PushedDocument(RequestBody):
    """A document as JSON: its bytes as ``text`` or in ``base64``, and what is known of it.

    ``version``: the greatest one counts; without one, the last to come. ``acl``: who may read it, as ``public``,
    ``user:<id>``, ``group:<id>``; without one, the source's ``default_acl``. ``metadata``: facts by name.
    """

    version: Version | None = None
    acl: Many[str] | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    uri: Uri | None = None
    media_type: Annotated[str, Field(max_length=200)] | None = None
    text: str | None = None
    base64: str | None = None

    @model_validator(mode="after")
    def _some_bytes(self) -> PushedDocument:
        if (self.text is None) == (self.base64 is None) and not getattr(self, "delete", False):
            raise ValueError("Send its bytes as text or in base64, and not as both")
        self.content()
        return self

    def content(self) -> bytes:
        """Its bytes."""
        if self.base64 is None:
            return (self.text or "").encode()
        try:
            return base64.b64decode(self.base64, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("base64 is not Base64") from None


class PushedChange(PushedDocument):
    """One document of many: put, or with ``delete`` deleted."""

    key: str
    delete: bool = False

    @model_validator(mode="after")
    def _nothing_of_a_deleted_one(self) -> PushedChange:
        if self.delete and self.model_fields_set - {"key", "version", "delete"}:
            raise ValueError("With delete, only key and version can be sent")
        return self


class PushResult(ResponseBody):
    """What came of one: ``stored``, ``deleted``, ``unchanged`` (that version is there), ``older`` (a later version is
    there; nothing was done) or ``refused``, for the reason in ``detail``. ``version`` is the one that is there now."""

    key: str | None
    outcome: str
    version: int | None = None
    detail: str | None = None


class PushAnswer(PushResult):
    """``run``: the sync that takes it in; null if there is nothing to take in, or the next sync on schedule does."""

    run: RunBody | None = None


class PushAnswers(ResponseBody):
    """What came of each, in their order, and the sync that takes them in."""

    results: list[PushResult]
    run: RunBody | None = None
