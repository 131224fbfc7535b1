"""A chat model that is told no more about people than the policy allows."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from core.errors import ModelUnavailable
from core.lanes import Lane
from generation.guarding.pii import Policy
from generation.guarding.pseudonyms import Pseudonyms
from generation.models.port import ChatModel, Delta, Message


class DiscreetModel:
    """See :class:`generation.models.port.ChatModel`; whoever asks it sees the names that the model doesn't."""

    def __init__(self, model: ChatModel, policy: Policy, lane: Lane) -> None:
        self.name = model.name
        self._model = model
        self._policy = policy
        self._lane = lane

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[Delta]:
        """See :meth:`generation.models.port.ChatModel.stream`.

        Raises:
            ModelUnavailable: besides, where the policy blocks what the messages hold.
        """
        names = Pseudonyms(self._policy)
        told = await self._lane.run(lambda: _told(names, messages), begun=True)
        if told is None:
            raise ModelUnavailable("What the passages hold may not be sent to a model (guard.pii.context).")
        restorer = names.restorer()
        async with aclosing(self._model.stream(told)) as deltas:
            async for delta in deltas:
                yield replace(delta, text=restorer.feed(delta.text, last=delta.finish_reason is not None))

    async def close(self) -> None:
        """See :meth:`generation.models.port.ChatModel.close`."""
        await self._model.close()


def _told(names: Pseudonyms, messages: Sequence[Message]) -> list[Message] | None:
    """The messages with placeholders; None: one may not be sent. What we say ourselves names nobody."""
    if names.blocks([one.content for one in messages if one.role != "system"]):
        return None
    return [one if one.role == "system" else Message(one.role, names.hide(one.content)) for one in messages]
