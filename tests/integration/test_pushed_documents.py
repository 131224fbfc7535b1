"""Documents that are pushed, on their way through a real worker, broker and index."""

from __future__ import annotations

import hashlib
import io

from core.principal import AccessList
from ingestion.blobs import open_blobs
from ingestion.catalog.inbox import Incoming
from ingestion.inbox import SourceInbox
from tests.integration.stacks import Stack, until


def test_what_is_pushed_is_found_survives_a_restart_and_goes_with_its_source(running: Stack) -> None:
    source = running.ingestion.create_source("push", "Pushed", {"default_acl": ["public"]})
    inbox = SourceInbox(running.ingestion.catalog, open_blobs(running.settings), source.id)

    def push(key: str, text: str, acl: AccessList | None = None) -> None:
        content = text.encode()
        digest = hashlib.sha256(content).hexdigest()
        incoming = Incoming(
            external_id=key, content_hash=digest, size=len(content), media_type="text/markdown", acl=acl
        )
        inbox.put(incoming, io.BytesIO(content))

    push("faq/pumps", "# Pumps\n\nThe pump leaks at the seal.")
    push("secret", "# Salaries\n\nThe bonus is paid in March.", AccessList(users=frozenset({"ann@example.com"})))
    assert running.sync(source).indexed == 2
    assert running.found("seal") == ["faq/pumps"]
    assert running.found("bonus") == []
    assert running.found("bonus", "user:ann@example.com") == ["secret"]

    running.stop_worker()
    push("faq/pumps", "# Pumps\n\nThe pump leaks at the valve.")
    push("secret", "# Salaries\n\nThe bonus is paid in March.")
    running.start_worker()
    run = running.sync(source)
    assert (run.seen, run.failed, run.deleted) == (2, 0, 0)
    assert running.found("seal") == []
    assert running.found("valve") == ["faq/pumps"]
    assert running.found("bonus") == ["secret"]

    inbox.delete("faq/pumps", None)
    assert running.sync(source).deleted == 1
    assert running.found("valve") == []
    assert running.sync(source).seen == 0

    running.ingestion.delete_source(source.id)
    folder = running.settings.data_dir / "blobs" / "inbox" / source.id
    until(lambda: not folder.exists(), "the inbox to go with its source")
