"""The response fields that tell of limits: draft-ietf-httpapi-ratelimit-headers-10, RateLimit-Policy and RateLimit.

Each is a list of Structured Fields (RFC 9651): a policy's name, with its quota ``q`` of requests in a window of ``w``
seconds; and what remains of it at once, ``r``, with the seconds ``t`` until that is the whole burst.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from api.limits.port import Standing


def fields_of(standings: Sequence[Standing]) -> list[tuple[bytes, bytes]]:
    """The fields, for how the subjects of a request stand; none where nothing is limited."""
    if not standings:
        return []
    policies = ", ".join(f'"{one.subject.kind}";q={one.subject.quota.requests_per_minute};w=60' for one in standings)
    left = ", ".join(f'"{one.subject.kind}";r={one.remaining};t={math.ceil(one.full_s)}' for one in standings)
    return [(b"ratelimit-policy", policies.encode()), (b"ratelimit", left.encode())]
