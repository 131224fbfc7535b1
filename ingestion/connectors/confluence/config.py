"""What a Confluence source is told."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from ingestion.connectors.port import SourceConfig


class ConfluenceConfig(SourceConfig):
    """Where a Confluence is, how to get in, and what of it to take.

    Attributes:
        base_url: its address, as ``https://example.atlassian.net`` or ``https://wiki.example.com/confluence``.
        dialect: which of the two products it is; told by the address where it isn't said.
        email: the account that the API token belongs to; Cloud alone needs it.
        token: Cloud: an API token. Data Center: a personal access token.
        spaces: keys of the spaces to take; none: all that the account sees.
        blogs, attachments, comments: whether to take them. Comments become the end of their page.
        site_url: where people open pages, if that isn't base_url: with tokens that go to api.atlassian.com.
        email_domain: Data Center only: where it doesn't tell an e-mail address, a user name is one at this domain.
        allow_private_addresses: whether it may be on a private network, and may be spoken to without TLS.
    """

    base_url: str
    dialect: Literal["cloud", "data-center"] | None = None
    email: str | None = None
    token: SecretStr
    spaces: tuple[str, ...] = ()
    blogs: bool = True
    attachments: bool = True
    comments: bool = False
    site_url: str | None = None
    email_domain: str | None = Field(default=None, pattern=r"^[A-Za-z0-9.-]+$")
    allow_private_addresses: bool = False

    @field_validator("base_url", "site_url")
    @classmethod
    def _plain_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an address such as https://example.atlassian.net")
        if parts.username or parts.password:
            raise ValueError("must not hold credentials: put them into 'email' and 'token'")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.is_cloud and not self.email:
            raise ValueError("Confluence Cloud needs 'email', the account that the API token belongs to")
        if self.is_cloud and self.email_domain:
            raise ValueError("'email_domain' is for Data Center; Cloud's people have no user names")
        if not self.allow_private_addresses and self.base_url.startswith("http:"):
            raise ValueError(
                "base_url must begin with https, since the token would travel in clear; "
                "allow_private_addresses permits http within a private network"
            )
        return self

    @property
    def is_cloud(self) -> bool:
        """Whether it is Cloud, said or told by the address."""
        if self.dialect is not None:
            return self.dialect == "cloud"
        host = urlsplit(self.base_url).hostname or ""
        return host.endswith((".atlassian.net", ".jira.com")) or host == "api.atlassian.com"

    @property
    def root(self) -> str:
        """What paths of Confluence follow: Cloud has it under ``/wiki``."""
        return self._rooted(self.base_url)

    @property
    def links(self) -> str:
        """What the paths of pages follow, for people who open them."""
        return self._rooted(self.site_url or self.base_url)

    def _rooted(self, address: str) -> str:
        return f"{address.removesuffix('/wiki')}/wiki" if self.is_cloud else address
