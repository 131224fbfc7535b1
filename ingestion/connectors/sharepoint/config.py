"""What a SharePoint source is configured with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from ingestion.connectors.port import SourceConfig


class SharePointConfig(SourceConfig):
    """Which sites and libraries, and as whom.

    Attributes:
        tenant: the Microsoft Entra tenant: its id, or a domain of it.
        client_id: the application's id, of its registration in Microsoft Entra.
        client_secret: the application's secret; or else a certificate.
        certificate: PEM text of the application's certificate and its private key.
        certificate_file: a PEM file with both, on the machine where workers run.
        thumbprint: SHA-1 of the certificate, in hex; needed only where the PEM holds the private key alone.
        sites: addresses as ``https://contoso.sharepoint.com/sites/hr``, or ids as Graph has them.
        libraries: names or drive ids; empty: every library of these sites that isn't hidden.
        include, exclude: globs over ``Library/Folder/file.docx``; what is excluded isn't included.
        department_column: the internal name of the column that says a document's department.
        pages: whether site pages are read.
        anonymous_links: who may read what a link for anyone leads to: ``ignore`` counts the link for nothing,
            ``everyone`` lets everybody read who may use this Footnote.
        organization_links: the same of links for the whole organisation; ``group``: its members.
        all_users: whom SharePoint's "Everyone" and "Everyone except external users" are: the organisation's members as
            a group, or everybody who may use this Footnote.
        site_groups: for applications without a certificate, which can't ask who is in SharePoint's own groups: the
            e-mail addresses and ids of Entra groups that a site group stands for, by its name.
        permissions_of: ``scopes`` asks who may read what has permissions of its own, and lets the rest inherit, as
            Graph tells them apart; ``items`` asks of each item.
        authority, graph: where tokens are had and Graph answers; other clouds have others.
        allow_private: whether these may be addresses of a private network, and without TLS.
    """

    tenant: str = Field(min_length=1, pattern=r"^[A-Za-z0-9.\-]+$")
    client_id: str = Field(min_length=1)
    client_secret: SecretStr | None = None
    certificate: SecretStr | None = Field(
        default=None, json_schema_extra={"contentMediaType": "application/x-pem-file"}
    )
    certificate_file: Path | None = None
    thumbprint: str | None = Field(default=None, pattern=r"^[0-9A-Fa-f]{40}$")
    sites: tuple[str, ...] = Field(min_length=1, max_length=20)
    libraries: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    department_column: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    pages: bool = True
    anonymous_links: Literal["ignore", "everyone"] = "ignore"
    organization_links: Literal["ignore", "group", "everyone"] = "ignore"
    all_users: Literal["group", "everyone"] = "group"
    site_groups: dict[str, tuple[str, ...]] = Field(default={})
    permissions_of: Literal["scopes", "items"] = "scopes"
    authority: str = "https://login.microsoftonline.com"
    graph: str = "https://graph.microsoft.com"
    allow_private: bool = False

    @field_validator("authority", "graph")
    @classmethod
    def _address(cls, value: str) -> str:
        url = urlsplit(value)
        if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment or url.username:
            raise ValueError(f"{value!r} isn't an address such as https://graph.microsoft.com")
        return value.rstrip("/")

    @field_validator("sites")
    @classmethod
    def _sites(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            site_address(value)
        return values

    @model_validator(mode="after")
    def _whole(self) -> Self:
        told = [self.client_secret, self.certificate, self.certificate_file]
        if sum(one is not None for one in told) != 1:
            raise ValueError("give one of 'client_secret', 'certificate' and 'certificate_file'")
        if not self.allow_private and not all(url.startswith("https://") for url in (self.authority, self.graph)):
            raise ValueError("'authority' and 'graph' must begin with https://")
        return self


def site_address(site: str) -> str:
    """A site as Graph addresses it: ``host:/path``, ``host`` for a root site, or its id as it is.

    Raises:
        ValueError: it is neither an address nor an id.
    """
    if site.count(",") == 2 and re.fullmatch(r"[A-Za-z0-9.,-]+", site):  # noqa: PLR2004 - host, site collection, web
        return site
    found = re.fullmatch(r"(?:https://)?([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)(?:/+([^?#:\\]*))?", site)
    if found is None or ".." in (found[2] or ""):
        raise ValueError(f"{site!r} isn't a site's address, such as https://contoso.sharepoint.com/sites/hr")
    return f"{found[1]}:/{found[2].rstrip('/')}" if found[2] else found[1]
