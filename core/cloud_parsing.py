"""Settings of the cloud services that can read documents instead of this machine."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from core.section import Section

ParsingEngine = Literal["local", "textract", "document_intelligence"]
CloudKind = Literal["pdf", "image"]
"""What a cloud service may be given: the kinds that it reads better, because they are pictures of text."""


class TextractSettings(Section):
    """How to reach Amazon Textract; the credentials are the machine's own."""

    region: str | None = None
    """None: the machine's own."""
    endpoint: str | None = None
    """URL of a private endpoint; None: the region's public one."""
    concurrency: Annotated[int, Field(gt=0, le=50)] = 4
    """Pages of a document that are read at a time."""


class DocumentIntelligenceSettings(Section):
    """How to reach Azure AI Document Intelligence."""

    endpoint: str | None = None
    """As https://NAME.cognitiveservices.azure.com."""
    key: SecretStr | None = None
    """One of the resource's two keys."""
