"""Settings of sign-in: which identity providers vouch for people, and what their claims mean here."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from core.roles import Role
from core.section import Positive, Seconds, Section

LOOPBACK = ("localhost", "127.0.0.1", "::1")
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"]
"""Each with a public key: whoever can check a signature can't make one."""


def _private_way(url: str) -> str:
    """An address that nobody on the way reads: https, or this machine.

    Raises:
        ValueError: it is another one.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return url
    raise ValueError("it must begin with https:// (http:// only on localhost)")


Url = Annotated[str, AfterValidator(_private_way)]


class RoleRule(Section):
    """Whose claim has this value gets this role."""

    claim: str
    """As ``groups`` or ``realm_access.roles``."""
    value: str
    role: Role


class IssuerSettings(Section):
    """An identity provider that speaks OpenID Connect."""

    url: Url
    """The issuer, letter by letter as it calls itself in its tokens; its discovery document is found below it."""
    name: str = "Company account"
    """What the page's sign-in button calls it."""
    audience: tuple[str, ...] = ()
    """Tokens of API calls must be for one of these; none: this provider's tokens are for its page only."""
    client_id: str | None = None
    """Of the page's sign-in; None: the page has none with this provider."""
    client_secret: SecretStr | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256", "PS256", "ES256", "Ed25519")
    user_claim: str = "email"
    """The claim that is the user's id here; sources know people by their e-mail addresses."""
    verified_email: bool = True
    """Take an ``email`` only where ``email_verified`` is true."""
    groups_claim: str = "groups"
    group_prefix: str = ""
    """Put before each group, where two providers have groups of one name."""
    default_roles: tuple[Role, ...] = (Role.READER,)
    """Of everybody whom the provider lets in; none: a rule has to let them in."""
    roles: tuple[RoleRule, ...] = ()
    overage: Literal["refuse", "graph"] = "refuse"
    """What is done where a token leaves its groups out because they are too many: ``graph`` asks Microsoft Graph."""
    graph_url: Url = "https://graph.microsoft.com/v1.0"

    @model_validator(mode="after")
    def _can_ask_graph(self) -> Self:
        if self.overage == "graph" and not (self.client_id and self.client_secret):
            raise ValueError("overage = 'graph' needs client_id and client_secret")
        if self.client_id is None and not self.audience:
            raise ValueError("name client_id (to sign in on the page), audience (for API calls), or both")
        return self


class IdentitySettings(Section):
    """Who is asking."""

    issuers: tuple[IssuerSettings, ...] = ()
    public_url: Url | None = None
    """Where readers reach the page, as https://kb.example.com; None: http://localhost and the port."""
    clock_skew_s: Annotated[int, Field(ge=0, le=600)] = 60
    """How far a provider's clock may be from this one's."""
    keys_s: Seconds = 600
    """How long a provider's keys are used before they are fetched anew: one that it took back is good for as long."""
    keys_offline_s: Annotated[float, Field(ge=0)] = 86_400
    """How long they go on while the provider doesn't answer, and sessions of the page that it can't renew."""
    timeout_s: Seconds = 5
    """For each request to a provider."""
    max_groups: Positive = 2000
    """Who is in more is refused, with a message."""
    groups_s: Seconds = 300
    """How long groups that were asked of Microsoft Graph are remembered."""
    session_s: Positive = 43_200
    """How long a sign-in on the page lasts at most."""
    renew_s: Positive = 300
    """How old a session's groups and roles may be before the provider is asked again."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        urls = [issuer.url for issuer in self.issuers]
        if len(set(urls)) < len(urls):
            raise ValueError("issuers: each url can stand there once")
        return self

    @property
    def of_page(self) -> IssuerSettings | None:
        """The provider that people sign in with on the page."""
        return next((issuer for issuer in self.issuers if issuer.client_id is not None), None)
