"""The cookies of the page's sign-in: scripts can't read them, and other sites' posts come without them.

Their names begin with ``__Host-``: a browser takes such a cookie only over https, from this very host, for all of it,
so that no neighbouring host can plant one. On http://localhost, where there is no https, the beginning is left out.
"""

from __future__ import annotations

from fastapi import Response

from core.identity_settings import IdentitySettings

_ATTEMPT_S = 600
_SESSION, _ATTEMPT = "footnote", "footnote-sign-in"


def session_cookie(settings: IdentitySettings) -> str:
    """The name of the cookie that a session is known by."""
    return f"__Host-{_SESSION}" if _secure(settings) else _SESSION


def attempt_cookie(settings: IdentitySettings) -> str:
    """The name of the cookie that a sign-in under way is known by."""
    return f"__Host-{_ATTEMPT}" if _secure(settings) else _ATTEMPT


def set_session(response: Response, settings: IdentitySettings, secret: str | None) -> None:
    """Have the browser keep a session's secret, or forget it (None)."""
    _set(response, settings, session_cookie(settings), secret, settings.session_s)


def set_attempt(response: Response, settings: IdentitySettings, secret: str | None) -> None:
    """Have the browser keep the secret of a sign-in under way, or forget it (None)."""
    _set(response, settings, attempt_cookie(settings), secret, _ATTEMPT_S)


def _set(response: Response, settings: IdentitySettings, name: str, secret: str | None, lasts_s: int) -> None:
    # Lax: the provider sends the browser back with a link, and that request has to have the cookies.
    response.set_cookie(
        name,
        secret or "",
        max_age=lasts_s if secret else 0,
        path="/",
        secure=_secure(settings),
        httponly=True,
        samesite="lax",
    )


def _secure(settings: IdentitySettings) -> bool:
    return (settings.public_url or "").startswith("https://")
