"""From objects to what a listing says of them: their facts, and who may read them.

For each fact the nearest place wins: the object's tag, its own sidecar, its front matter (for Markdown), its user
metadata, then the sidecars of its folders, then the source's configuration.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from botocore.exceptions import ClientError

from core.errors import InvalidRequest, UnreadableDocument
from core.metadata import Metadata
from core.principal import AccessList
from ingestion.connectors.port import Change, Known, Note, Unreadable, Upsert, Withheld
from ingestion.connectors.s3.bucket import EMPTY, READ, TAGS, Bucket, Gone, readable
from ingestion.connectors.s3.clients import ARCHIVED, DENIED, translated
from ingestion.connectors.s3.config import S3Config
from ingestion.connectors.s3.keys import Keys, Object
from ingestion.connectors.s3.sidecars import Sidecars
from ingestion.partitioning.facts import BadFacts, Facts, clean_tags, read_facts
from ingestion.partitioning.front_matter import LONGEST, facts_at_top
from ingestion.partitioning.kinds import told_kind
from ingestion.s3_blobs import error_code
from ingestion.secret_files import secret_by_content

_SAYS_AT_TOP = frozenset({"markdown", "html", "text", "rst", "org"})
"""Kinds whose first bytes may say who may read them, or seem to."""


@dataclass
class Candidate:
    """An object that is a document by its key, and the sidecars that are named after it."""

    listed: Object
    external_id: str
    own: list[Object] = field(default_factory=list)


class Documents:
    """Says what is new of objects. What was asked of one is kept as its note, and asked again once it is written anew.

    Args:
        readers: who may read what nothing else speaks of.
        pool: asks of several objects at a time.
    """

    def __init__(self, config: S3Config, bucket: Bucket, keys: Keys, readers: AccessList, pool: Executor) -> None:
        self._config = config
        self._bucket = bucket
        self._keys = keys
        self._pool = pool
        said = Metadata(department=config.department, tags=clean_tags(config.tags)).coming_from("source settings")
        self._default = Facts(said, readers)

    def changes(self, candidates: Iterable[Candidate], sidecars: Sidecars, known: Known) -> list[Change]:
        """What a listing says of these.

        Raises:
            SourceUnavailable, SourceRefuses: the service doesn't answer, or not us.
        """
        asked = list(candidates)
        notes = known.notes([one.external_id for one in asked]) if asked else {}
        above = [self._above(one, sidecars) for one in asked]

        def change(one: Candidate, said: list[Facts] | BadFacts) -> Change | None:
            return self._change(one, said, sidecars, notes.get(one.external_id, {}))

        with translated(self._bucket.where, READ):
            found = list(self._pool.map(change, asked, above))
        return [one for one in found if one is not None]

    def _above(self, one: Candidate, sidecars: Sidecars) -> list[Facts] | BadFacts:
        if not self._config.sidecars:
            return []
        try:
            return sidecars.above(one.listed)
        except BadFacts as error:
            return error

    def _change(self, one: Candidate, above: list[Facts] | BadFacts, sidecars: Sidecars, note: Note) -> Change | None:
        listed, uri = one.listed, self._keys.uri(one.listed.key)
        is_known = note.get("written") == listed.revision
        try:
            if isinstance(above, BadFacts):
                raise above
            tagged = self._tagged(listed)
            beside, kept = self._beside(one, sidecars, note)
            if listed.archived and not is_known:
                reason = f"it is archived ({listed.archived}): restore it, and the next listing takes it in"
                acl = None if self._says_at_top(one) else self._all(listed, [tagged, beside, *above]).acl
                return Unreadable(one.external_id, uri, reason, acl)
            said = _load(note["said"]) if is_known else self._said(one)
        except (BadFacts, UnreadableDocument) as error:
            return Unreadable(one.external_id, uri, str(error))
        except _Secret as error:
            return Withheld(one.external_id, error.what)
        except Gone:
            return None
        facts = self._all(listed, [tagged, beside, said, *above])
        note = {"written": listed.revision, "said": _dump(said), **kept}
        return self._upsert(one, facts, note)

    def _all(self, listed: Object, said: list[Facts]) -> Facts:
        modified = Facts(Metadata(modified=listed.modified).coming_from("S3"))
        return reduce(Facts.over, [*said, self._default, modified])

    def _upsert(self, one: Candidate, facts: Facts, note: Note) -> Upsert:
        assert facts.acl is not None
        described = json.dumps([one.listed.revision, _dump(facts)], sort_keys=True)
        return Upsert(
            external_id=one.external_id,
            uri=self._keys.uri(one.listed.key),
            revision=hashlib.sha256(described.encode()).hexdigest(),
            content_revision=one.listed.content_revision,
            size=one.listed.size,
            acl=facts.acl,
            metadata=facts.metadata,
            note=note,
        )

    def _tagged(self, listed: Object) -> Facts:
        """What the tag says. It changes without anything else of the object: so it is asked for each time."""
        name = self._config.acl_tag
        if name is None:
            return Facts()
        try:
            tags = self._bucket.tags(listed.key)
        except ClientError as error:
            if error_code(error) in DENIED:
                raise BadFacts(f"its tags may not be read: grant {TAGS}") from None
            raise
        if name not in tags:
            return Facts()
        terms = tags[name].split()
        if not terms:
            raise BadFacts(f"its tag {name!r} is empty: write terms such as group:hr, or remove it")
        try:
            return Facts(acl=AccessList.from_terms(terms))
        except InvalidRequest as error:
            raise BadFacts(f"its tag {name!r}: {error.message}") from None

    def _beside(self, one: Candidate, sidecars: Sidecars, note: Note) -> tuple[Facts, dict[str, Any]]:
        """What its own sidecar says, and that as a part of its note."""
        if not one.own:
            if self._config.sidecars:
                sidecars.check_meant(one.listed.key)
            return Facts(), {}
        written = [[beside.key, beside.revision] for beside in one.own]
        if note.get("beside", [None])[0] == written:
            return _load(note["beside"][1]), {"beside": note["beside"]}
        facts = sidecars.own(one.own)
        return facts, {"beside": [written, _dump(facts)]}

    def _says_at_top(self, one: Candidate) -> bool:
        return one.listed.size > 0 and told_kind(one.external_id, None) in _SAYS_AT_TOP

    def _said(self, one: Candidate) -> Facts:
        """What the object says of itself: at its top, and as user metadata."""
        key, at_top = one.listed.key, Facts()
        try:
            if self._says_at_top(one):
                head, metadata = self._beginning(key)
                if (secret := secret_by_content(one.external_id, head)) is not None:
                    raise _Secret(secret)
                at_top = facts_at_top(head, one.external_id.rpartition("/")[2])
            elif self._config.user_metadata:
                metadata = self._bucket.head(key)
            else:
                metadata = {}
        except ClientError as error:
            if error_code(error) in DENIED:
                raise BadFacts(f"it may not be read: grant {READ}, and the use of its key") from None
            if error_code(error) == ARCHIVED:
                raise UnreadableDocument("it is archived: restore it, and the next listing takes it in") from None
            raise
        return at_top.over(_described(metadata)) if self._config.user_metadata else at_top

    def _beginning(self, key: str) -> tuple[bytes, dict[str, str]]:
        try:
            return self._bucket.beginning(key, LONGEST)
        except ClientError as error:
            if error_code(error) in EMPTY:  # emptied since it was listed
                return b"", {}
            raise


class _Secret(Exception):
    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def _described(metadata: dict[str, str]) -> Facts:
    """What user metadata says; its ``acl`` names readers, with spaces or commas between them."""
    said: dict[str, Any] = dict(readable(metadata))
    if "acl" in said:
        said["acl"] = said["acl"].replace(",", " ").split()
    try:
        return read_facts(said, strict=False).coming_from("S3 metadata")
    except BadFacts as error:
        raise BadFacts(f"its user metadata (x-amz-meta-...) can't be used: {error}") from None


def _dump(facts: Facts) -> dict[str, Any]:
    return {"facts": facts.metadata.to_json(), "acl": None if facts.acl is None else list(facts.acl.terms())}


def _load(dumped: Mapping[str, Any]) -> Facts:
    acl = dumped["acl"]
    return Facts(Metadata.read(dumped["facts"]), None if acl is None else AccessList.from_terms(acl))
