"""Every error that Footnote raises on purpose.

::

    FootnoteError
    ├── ConfigurationError        a setting is wrong; nothing was started
    ├── InvalidRequest            what the caller sent can't be used
    │   ├── InvalidFilter
    │   └── InvalidHeader
    ├── NotAuthenticated          no key, or one that is wrong or revoked
    ├── NotAuthorised             a good key that may not do this
    ├── Misdirected               it is for a host that Footnote isn't
    ├── NotFound                  it isn't there, or this principal may not know that it is
    ├── Conflict                  it clashes with what is there: a name in use, a sync that is running
    ├── LimitReached              the caller asks for more than its share; later it may
    ├── DocumentError             this document can't be used as it is; a retry won't help
    │   ├── UnreadableDocument    corrupt, encrypted, or not what its name says
    │   ├── SecretFile            a key, a password file: never a document
    │   ├── EmptyDocument         it holds no text
    │   └── DocumentTooLarge      over a limit on size, memory, time or output
    ├── SyncRefused               the source looks wrong: obeying it would delete too much
    ├── SourceRefuses             a source doesn't let us in, or went; a person has to see to it
    └── Unavailable               a dependency doesn't answer; a retry can help
        ├── Overloaded            Footnote itself has too much to do
        ├── IndexUnavailable
        ├── BrokerUnavailable
        ├── SourceUnavailable
        ├── StorageUnavailable    the blob store or the catalog, a full disk among the reasons
        └── ModelUnavailable

A message names the thing and says what to do. Whether a retry can help is a property of the class
(:attr:`FootnoteError.retryable`), so that the worker has one rule and no table to keep in step.
"""

from __future__ import annotations


class FootnoteError(Exception):
    """Base of the tree.

    Attributes:
        retryable: whether the same call can succeed later with nothing changed by a person.
        status: the HTTP status that the API answers with.
        slug: the last part of the problem type's URI, stable across releases.
        where: the address of what failed. Logs and administrators are told it; it stands in no message, since those
            reach readers, and in answers' ``degraded``.
    """

    retryable: bool = False
    status: int = 500
    slug: str = "internal"

    def __init__(self, message: str, *, where: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where

    @property
    def told_operators(self) -> str:
        """The message, and where it was; for who runs Footnote."""
        return f"{self.message} It is at {self.where}." if self.where else self.message


class ConfigurationError(FootnoteError):
    """A setting is missing, unknown or wrong."""

    slug = "configuration"


class InvalidRequest(FootnoteError):
    """The request can't be used: empty, too long, or of the wrong shape."""

    status = 422
    slug = "invalid-request"


class InvalidFilter(InvalidRequest):
    """A filter names an unknown field or holds a value of the wrong type."""

    slug = "invalid-filter"


class InvalidHeader(InvalidRequest):
    """A header of the request can't be used, or could be read in two ways."""

    status = 400
    slug = "invalid-header"


class NotAuthenticated(FootnoteError):
    """No API key, or one that is unknown or revoked."""

    status = 401
    slug = "not-authenticated"


class NotAuthorised(FootnoteError):
    """The key is good, but doesn't allow this."""

    status = 403
    slug = "not-authorised"


class Misdirected(FootnoteError):
    """The request is for a host that isn't one of ours."""

    status = 421
    slug = "misdirected-request"


class NotFound(FootnoteError):
    """Not there, or not visible to this principal: the two are not told apart."""

    status = 404
    slug = "not-found"


class Conflict(FootnoteError):
    """It clashes with what is already there."""

    status = 409
    slug = "conflict"


class LimitReached(FootnoteError):
    """The caller has had its share for now. ``retry_after_s``: when there is more of it."""

    retryable = True
    status = 429
    slug = "limit-reached"

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DocumentError(FootnoteError):
    """The document can't be used as it is. Recorded in the catalog; a retry needs a changed document or parser."""

    status = 422
    slug = "document"


class UnreadableDocument(DocumentError):
    """Corrupt, encrypted, or not what its name says."""

    slug = "unreadable-document"


class SecretFile(DocumentError):
    """A file of secrets, as a private key: never a document, whatever its source says."""

    slug = "secret-file"


class EmptyDocument(DocumentError):
    """The document holds no text."""

    slug = "empty-document"


class DocumentTooLarge(DocumentError):
    """The document is over a limit on size, memory, time or output."""

    status = 413
    slug = "document-too-large"


class SyncRefused(FootnoteError):
    """The source's listing lacks so much that obeying it would be the greater risk."""

    status = 409
    slug = "sync-refused"


class SourceRefuses(FootnoteError):
    """A source doesn't let us in (a wrong or expired secret, a right that is missing), or went. A retry won't help."""

    status = 422
    slug = "source-refuses"


class Unavailable(FootnoteError):
    """A dependency doesn't answer, or answers that it is overloaded."""

    retryable = True
    status = 503
    slug = "unavailable"


class Overloaded(Unavailable):
    """Footnote has as much to do as it takes on at a time: it refuses more instead of letting everything wait."""

    slug = "overloaded"


class IndexUnavailable(Unavailable):
    """The search index doesn't answer."""

    slug = "index-unavailable"


class BrokerUnavailable(Unavailable):
    """The task queue doesn't answer."""

    slug = "broker-unavailable"


class SourceUnavailable(Unavailable):
    """A source can't be listed or read right now."""

    slug = "source-unavailable"


class StorageUnavailable(Unavailable):
    """The blob store or the catalog can't be read or written: unreachable, or its disk is full."""

    slug = "storage-unavailable"


class ModelUnavailable(Unavailable):
    """A model (embedder, reranker, chat) doesn't answer in time or at all."""

    slug = "model-unavailable"
