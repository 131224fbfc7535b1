"""What an S3 source is told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from core.section import Positive
from ingestion.connectors.port import SourceConfig

EXCLUDED = ("**/node_modules/**", "**/__pycache__/**", "**/~$*", "**/*.tmp", "**/Thumbs.db", "**/desktop.ini")


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("it must be an address such as https://minio.example.com:9000")
    return url.rstrip("/")


WebAddress = Annotated[str, AfterValidator(_web_address)]


class S3Config(SourceConfig):
    """A bucket, or a folder of one.

    Attributes:
        bucket: its name, or the alias of an access point.
        prefix: the folder in it; empty: all of it. Sidecars above it don't count.
        include, exclude: globs relative to ``prefix``, with ``**`` for any folders; hidden names are never documents.
        endpoint: an S3-compatible server; None: AWS.
        region: where the bucket is; None: as this machine's AWS settings say.
        access_key_id, secret_access_key: None: what this machine has (environment, profile, its own role).
        role_arn, role_external_id: a role to take on with these credentials.
        acl_tag: the name of the object tag that says who may read it, as terms between spaces
            (``group:hr user:ann@example.com``): one request an object and listing. None: tags aren't asked for.
        sidecars: whether ``NAME.meta.yaml`` and ``_folder.meta.yaml`` speak of objects, as they do in a folder.
        user_metadata: whether ``x-amz-meta-title``, ``-author``, ``-department``, ``-tags``, ... are asked for: one
            request for each object that is new or changed.
        queue_url: an SQS queue that the bucket sends its events to: between full listings only they are read.
        full_every_s: how old a full listing may be where there is a queue.
        allow_private: whether ``endpoint`` and ``queue_url`` may lead into a private network, or to this machine.
        ca_file: whom to trust, as PEM, where ``endpoint`` has a certificate of a company's own.
    """

    bucket: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$")]
    prefix: Annotated[str, Field(max_length=1000)] = ""
    include: Annotated[tuple[str, ...], Field(min_length=1)] = ("**/*",)
    exclude: tuple[str, ...] = EXCLUDED
    endpoint: WebAddress | None = None
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] | None = None
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    role_arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9_+=,.@/-]+$")] | None = None
    role_external_id: SecretStr | None = None
    acl_tag: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    sidecars: bool = True
    user_metadata: bool = True
    queue_url: WebAddress | None = None
    full_every_s: Positive = 86_400
    allow_private: bool = False
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _whole_key(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("'access_key_id' and 'secret_access_key' belong together: give both or neither")
        if self.queue_url is not None and self.bucket.endswith("-s3alias"):
            raise ValueError("'bucket' must be the bucket's own name where there is a queue: events don't know aliases")
        return self

    @property
    def root(self) -> str:
        """What the keys of the source's objects begin with: empty, or ending with ``/``."""
        inner = self.prefix.strip("/")
        return f"{inner}/" if inner else ""
