"""The events of the chat-completions protocol, read into text, finish reason and usage."""

from __future__ import annotations

import json
from typing import Any

from core.errors import ModelUnavailable
from generation.models.port import FinishReason, Usage

_REASONS: dict[str, FinishReason] = {"length": "length", "content_filter": "content_filter"}


class Completion:
    """What the stream has told so far.

    Attributes:
        alive: whether the last event carried a piece of the answer, or of the model's reasoning before it.
    """

    def __init__(self, where: str) -> None:
        self.finish_reason: FinishReason | None = None
        self.usage: Usage | None = None
        self.alive = False
        self._where = where

    def read(self, event: str) -> str:
        """Take one event; the text that it adds.

        Raises:
            ModelUnavailable: it isn't what the protocol says, or it reports an error.
        """
        payload = self._object(event)
        if payload.get("error"):
            raise ModelUnavailable(f"{self._where} reports an error in the middle of its answer.")
        self._read_usage(payload.get("usage"))
        choices = payload.get("choices") or [{}]
        try:
            choice = choices[0]
            delta = choice.get("delta") or {}
            text = delta.get("content") or ""
            self.alive = bool(text or delta.get("reasoning_content") or delta.get("reasoning"))
            reason = choice.get("finish_reason")
        except (AttributeError, TypeError, KeyError, IndexError) as error:
            raise self._malformed() from error
        if not isinstance(text, str) or not isinstance(reason, str | None):
            raise self._malformed()
        if reason:
            self.finish_reason = _REASONS.get(reason, "stop")
        return text

    def _object(self, event: str) -> dict[str, Any]:
        try:
            payload = json.loads(event)
        except (ValueError, RecursionError) as error:  # json recurses a level for each that is nested
            raise self._malformed() from error
        if not isinstance(payload, dict):
            raise self._malformed()
        return payload

    def _read_usage(self, usage: object) -> None:
        if isinstance(usage, dict):
            self.usage = Usage.told(usage.get("prompt_tokens"), usage.get("completion_tokens")) or self.usage

    def _malformed(self) -> ModelUnavailable:
        return ModelUnavailable(f"{self._where} sends events that aren't chat completions.")
