"""Spans and metrics at the joints. Neither carries questions, passages or names of people.

Spans go to ``telemetry.otlp_endpoint`` (:mod:`core.tracing`); without one they cost nothing.
Metrics are Prometheus collectors in the default registry, served by the API at ``/metrics``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from prometheus_client import Counter, Gauge, Histogram, Info

_tracer = trace.get_tracer("footnote")

STAGE_SECONDS = Histogram(
    "footnote_stage_seconds",
    "Time of one stage of asking or ingesting.",
    ["stage"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
STAGE_ERRORS = Counter("footnote_stage_errors_total", "Stages that ended in an error.", ["stage", "error"])
DOCUMENTS = Counter("footnote_documents_total", "Documents by what became of them.", ["outcome"])
FAILURES = Counter("footnote_failures_total", "Documents given up, by where and why.", ["stage", "error"])
CHUNKS = Counter("footnote_chunks_total", "Chunks written to the index.")
ANSWERS = Counter("footnote_answers_total", "Answers by how they ended.", ["outcome"])
VERDICTS = Counter("footnote_verdicts_total", "Sentences of answers that were checked, by what was found.", ["verdict"])
CITATIONS_DROPPED = Counter("footnote_citations_dropped_total", "Citations of a source that was not given.")
CACHE_LOOKUPS = Counter("footnote_cache_lookups_total", "Questions by what the answer cache had for them.", ["result"])
CACHE_FAILURES = Counter("footnote_cache_failures_total", "Times that the answer cache didn't answer.", ["operation"])
DEGRADED = Counter("footnote_degraded_total", "Responses that had to do without a part.", ["part"])
MODEL_TOKENS = Counter("footnote_model_tokens_total", "Tokens that servers of models count.", ["part", "kind"])
MODEL_RETRIES = Counter("footnote_model_retries_total", "Requests to a model's server that were made again.", ["part"])
SIGN_INS_REFUSED = Counter("footnote_sign_ins_refused_total", "Requests whose key opens nothing.", ["reason"])
HTTP_SECONDS = Histogram("footnote_http_seconds", "Time to the last byte.", ["method", "route", "status"])
OVERLOADED = Counter("footnote_overloaded_total", "Requests refused because a lane was full.", ["lane"])
USAGE_TOKENS = Counter("footnote_usage_tokens_total", "Tokens of answers.", ["department", "key", "kind"])
COST = Counter("footnote_cost_total", "What tokens of answers cost, in usage.currency.", ["department", "key"])
LIMITED = Counter("footnote_limited_total", "Requests refused because somebody had their share.", ["whose", "what"])
CANARY_ANSWERS = Counter(
    "footnote_canary_answers_total", "Answers during a canary, by who gave them.", ["arm", "ended"]
)
CANARY_SLOW = Counter("footnote_canary_slow_total", "Of those, what took longer than canary.slow_s.", ["arm"])
CANARY_SHADOWS_DROPPED = Counter(
    "footnote_canary_shadows_dropped_total", "Questions that the candidate wasn't asked in the shadow, by why.", ["why"]
)
CANARY_RUNNING = Gauge("footnote_canary_share", "Conversations in a hundred that the candidate answers.")
ANSWERS_IN_PROGRESS = Gauge("footnote_answers_in_progress", "Answers being streamed.")
FIRST_TOKEN_SECONDS = Histogram(
    "footnote_first_token_seconds",
    "From a question to the first words of its answer.",
    buckets=(0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 8, 13, 30, 60),
)
BUILD = Info("footnote_build", "The version that this process runs.")


@contextmanager
def stage(name: str, **attributes: str | int | float | bool) -> Iterator[None]:
    """Trace, time and count one stage, for example ``with stage("retrieve.lexical", k=100):``.

    Attributes must not be content.
    """
    began = time.perf_counter()
    with _tracer.start_as_current_span(name, attributes=attributes):
        try:
            yield
        except Exception as error:
            STAGE_ERRORS.labels(name, type(error).__name__).inc()
            raise
        finally:
            STAGE_SECONDS.labels(name).observe(time.perf_counter() - began)
