"""Settings of rate limits."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from core.section import Seconds, Section

Count = Annotated[int, Field(ge=0)]


class Quota(Section):
    """How much one may ask for; 0 is without a limit."""

    requests_per_minute: Count = 0
    burst: Count = 0
    """Requests at once, for who made none for a while; 0: as many as in ten seconds, and at least one."""
    streams: Count = 0
    """Answers under way at a time."""
    tokens_per_day: Count = 0
    """Tokens of the language model, from midnight to midnight UTC. An answer that has begun is written to its end."""

    @property
    def at_once(self) -> int:
        """Requests at once."""
        return self.burst or max(1, self.requests_per_minute // 6)


class LimitSettings(Section):
    """Rate limits, of each person, each key and each address that requests come from."""

    url: SecretStr | None = None
    """redis:// or rediss:// URL (Redis or Valkey) where they are counted; None: the broker's."""
    timeout_s: Seconds = 1.0
    """How long counting may take; then each process counts by itself for a second."""
    exempt: tuple[str, ...] = ("/healthz", "/readyz", "/metrics")
    """Routes that are not counted, as ``GET /openapi.json`` writes them."""
    principal: Quota = Quota()
    """Of one user id, whatever keys and addresses they come by."""
    key: Quota = Quota()
    """Of one API key, whomever it speaks for."""
    address: Quota = Quota()
    """Of one address: an IPv4 address, or the 64 leading bits of an IPv6 one."""

    @property
    def any(self) -> bool:
        """Whether anything is limited."""
        return any(quota != Quota() for quota in (self.principal, self.key, self.address))
