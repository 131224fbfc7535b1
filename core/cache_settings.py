"""Settings of the answer cache."""

from __future__ import annotations

from pydantic import SecretStr

from core.section import Fraction, Positive, Seconds, Section


class CacheSettings(Section):
    """Answers that are kept, and given again to who asks the same, or nearly the same, with the same permissions."""

    enabled: bool = False
    """Off unless it is asked for: measurements and a first look at Footnote shouldn't meet answers from before."""
    url: SecretStr | None = None
    """redis:// or rediss:// URL (Redis or Valkey); None: the broker's."""
    ttl_s: Positive = 3600
    """How long an answer is kept at most."""
    max_bytes: Positive = 64_000_000
    """Of all answers together; those kept longest go first."""
    max_answer_bytes: Positive = 256_000
    """A longer answer isn't kept."""
    semantic: bool = True
    """Give it also to who asks the same in other words; with the packaged embedder, which it was measured with."""
    similarity: Fraction = 0.93
    """Cosine from which two questions may be the same; ``footnote bench answer-cache`` shows what others would do."""
    wait_s: Seconds = 10
    """How long one waits for another reader's answer to the same question before it is worked out once more."""
    timeout_s: Seconds = 0.05
    """How long the cache may take to answer; then the question is answered without it."""
    settle_s: Seconds = 3
    """An answer isn't kept whose question came sooner than this after a change of what the reader may find: the index
    shows changes a moment after it has taken them."""
