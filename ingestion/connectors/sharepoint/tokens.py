"""Tokens of an application in Microsoft Entra, through MSAL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import msal

from core.errors import ConfigurationError, NotFound, SourceRefuses, SourceUnavailable
from ingestion.connectors.http import Authorise, SourceAnswer, SourceClient
from ingestion.connectors.sharepoint.config import SharePointConfig

_LATER = frozenset({"temporarily_unavailable", "server_error"})
_WAYS_OUT = {
    # https://learn.microsoft.com/entra/identity-platform/reference-error-codes
    7000215: "Enter the client secret's value, not its id.",
    7000222: "The client secret has expired: make a new one in the app's registration, and enter it.",
    700016: "Check 'client_id' and 'tenant': this tenant doesn't know the application, or an admin has removed it.",
    7000229: "An admin has to grant consent: the tenant has no service principal of this application (any more).",
    7000112: "An admin has disabled the application in this tenant: it has to be enabled again.",
    65001: "An admin has to grant consent to the application's permissions.",
    90002: "Check 'tenant': there is none of this name.",
    700027: "Upload the certificate in the app's registration, or enter the one that is there.",
}


class Tokens:
    """Tokens for Graph, and for SharePoint's own API. One application; MSAL keeps its tokens until they expire.

    Args:
        source: what messages call it.
        client: asks the authority; its limits and checks of addresses hold for tokens too.
    """

    def __init__(self, config: SharePointConfig, source: str, client: SourceClient) -> None:
        self._config = config
        self._source = source
        self._client = client
        self._application: msal.ConfidentialClientApplication | None = None

    def authorise(self, resource: str) -> Authorise:
        """The header for requests to a resource, such as ``https://graph.microsoft.com``."""

        def header(anew: bool) -> Mapping[str, str]:
            return {"authorization": f"Bearer {self._token(resource, anew)}"}

        return header

    def _token(self, resource: str, anew: bool) -> str:
        application = self._opened()
        if anew:
            application.remove_tokens_for_client()
        # https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow: the scope is /.default.
        answer = application.acquire_token_for_client([f"{resource}/.default"])
        if "access_token" in answer:
            return str(answer["access_token"])
        raise self._refusal(answer)

    def _opened(self) -> msal.ConfidentialClientApplication:
        if self._application is None:
            try:
                self._application = msal.ConfidentialClientApplication(
                    self._config.client_id,
                    authority=f"{_encrypted(self._config.authority)}/{self._config.tenant}",
                    client_credential=_credential(self._config),
                    instance_discovery=False,
                    http_client=_MsalHttp(self._client, self._config.authority),
                )
            except ValueError as error:  # MSAL's word for an authority or a key that it can't use
                raise SourceRefuses(
                    f"{self._source}: tokens can't be had at {self._config.authority} for the tenant "
                    f"{self._config.tenant!r}. Check 'tenant' and 'authority', and that a certificate is PEM text with "
                    "its private key."
                ) from error
        return self._application

    def _refusal(self, answer: Mapping[str, Any]) -> SourceRefuses | SourceUnavailable:
        said = str(answer.get("error_description") or answer.get("error") or "no reason").splitlines()[0][:300]
        if answer.get("error") in _LATER:
            return SourceUnavailable(f"{self._source}: no token right now: {said}")
        codes = [code for code in answer.get("error_codes") or () if code in _WAYS_OUT]
        way_out = (
            _WAYS_OUT[codes[0]] if codes else "Check the application's id, its secret or certificate, and consent."
        )
        return SourceRefuses(f"{self._source} gives Footnote no token: {said} {way_out}")


def _credential(config: SharePointConfig) -> str | dict[str, str]:
    if config.client_secret is not None:
        return config.client_secret.get_secret_value()
    if config.certificate is not None:
        pem = config.certificate.get_secret_value()
    else:
        assert config.certificate_file is not None  # the model takes one of the three
        try:
            pem = config.certificate_file.read_text("ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"The certificate {config.certificate_file} can't be read ({type(error).__name__}). It has to lie "
                "where workers run, as PEM text."
            ) from None
    thumbprint = {"thumbprint": config.thumbprint} if config.thumbprint else {"public_certificate": pem}
    return {"private_key": pem, **thumbprint}


def _encrypted(url: str) -> str:
    """MSAL takes no authority without TLS. A server on one's own machine has none: :class:`_MsalHttp` asks it so."""
    return url.replace("http://", "https://", 1)


class _MsalHttp:
    """What MSAL sends its requests with: our client, for limits on time and the check of addresses."""

    def __init__(self, client: SourceClient, authority: str) -> None:
        self._client = client
        self._plain = authority if authority.startswith("http://") else ""

    def get(self, url: str, *, params: Any = None, headers: Any = None, **_: Any) -> httpx.Response:
        return self._answer(lambda: self._client.get(self._address(url), params=params, headers=headers))

    def post(self, url: str, *, data: Any = None, headers: Any = None, **_: Any) -> httpx.Response:
        # MSAL signs assertions as bytes, which httpx would write down as Python shows them.
        form = {key: value.decode() if isinstance(value, bytes) else value for key, value in (data or {}).items()}
        return self._answer(lambda: self._client.post(self._address(url), data=form, headers=headers))

    def close(self) -> None:
        """The client isn't ours to close."""

    def _address(self, url: str) -> str:
        secure = _encrypted(self._plain)
        return url.replace(secure, self._plain, 1) if self._plain and url.startswith(secure) else url

    @staticmethod
    def _answer(ask: Callable[[], httpx.Response]) -> httpx.Response:
        try:
            return ask()
        except (NotFound, SourceRefuses) as error:
            # A refusal is an answer to MSAL: it reads the reason in it.
            if isinstance(error.__cause__, SourceAnswer):
                return httpx.Response(error.__cause__.status, text=error.__cause__.text)
            raise
