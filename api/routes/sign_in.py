"""``/auth``: signing in and out on the page, with the company's identity provider."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from api.audit import actor_of, note_refused_sign_in
from api.auth.attempts import CALLBACK, Attempt
from api.auth.cookies import attempt_cookie, session_cookie, set_attempt, set_session
from api.auth.principal import Caller, SignIn
from api.dependencies import CallerDep, ServicesDep, ready
from api.limits.admission import admit_stranger
from api.schemas.base import ResponseBody
from api.wiring import Services
from core.errors import (
    FootnoteError,
    InvalidRequest,
    LimitReached,
    NotAuthenticated,
    NotAuthorised,
    NotFound,
    Unavailable,
)
from core.logs import get_logger
from ingestion.catalog.audit_entries import Deed

log = get_logger(__name__)


class NotBegunHere(NotAuthenticated):
    """A sign-in that this browser didn't begin, or long ago."""


_TOLD: tuple[tuple[type[FootnoteError], str], ...] = (
    (NotBegunHere, "anew"),
    (NotAuthenticated, "refused"),
    (NotAuthorised, "not_allowed"),
    (LimitReached, "too_many"),
    (Unavailable, "unavailable"),
)
"""What the page says of an error, by the end of its text's key; see api/page/signing.js."""


class BrowserRoute(APIRoute):
    """A route that a browser is led through: its reader is told of an error by the page, and not as JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except FootnoteError as error:
                if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
                    raise
                log.warning("sign_in.failed", slug=error.slug, reason=error.message)
                why = next((told for kind, told in _TOLD if isinstance(error, kind)), "failed")
                return RedirectResponse(f"/#sign-in={why}", 303)

        return answer


async def _by_address(request: Request, services: ServicesDep) -> None:
    await admit_stranger(request, services.limits, services.settings.limits)


Limited = Depends(_by_address)

router = APIRouter(prefix="/auth", tags=["signing in"], route_class=BrowserRoute)

Text = Annotated[str, Query(max_length=4000)]


class SignInBody(ResponseBody):
    """With what readers sign in on the page; null where they don't."""

    name: str | None
    href: str | None


class SignedOut(ResponseBody):
    """Where the browser goes to sign out at the provider too; null where that has no such place."""

    location: str | None


@router.get("")
async def how(services: ServicesDep) -> SignInBody:
    """Whether, and with what, readers sign in on the page."""
    of_page = services.settings.identity.of_page
    return SignInBody(name=of_page.name if of_page else None, href=f"{router.prefix}/login" if of_page else None)


@router.get("/login", include_in_schema=False, dependencies=[Limited])
async def login(services: ServicesDep) -> Response:
    """Send the browser to the provider."""
    _check_offered(services)
    identities, attempt = await ready(services.identities), Attempt.begin()
    response = RedirectResponse(await services.lanes.sign_ins.run(lambda: identities.begin(attempt)), 303)
    set_attempt(response, services.settings.identity, attempt.secret)
    return response


@router.get(CALLBACK.removeprefix(router.prefix), include_in_schema=False, dependencies=[Limited])
async def callback(
    request: Request, services: ServicesDep, code: Text = "", state: Text = "", error: Text = ""
) -> Response:
    """Take the browser back from the provider, signed in."""
    _check_offered(services)
    settings = services.settings.identity
    identities = await ready(services.identities)

    async def arrive() -> tuple[str, Caller]:
        attempt = Attempt(request.cookies.get(attempt_cookie(settings), ""))
        if not attempt.secret or not hmac.compare_digest(attempt.value("state").encode(), state.encode()):
            raise NotBegunHere("This sign-in wasn't begun in this browser, or took too long. Begin anew.")
        if error or not code:
            raise NotAuthenticated(f"The identity provider didn't let you in ({error[:100] or 'no code'}). Try again.")
        session = await services.lanes.sign_ins.run(lambda: identities.finish(attempt, code))
        who = session.identity
        sign_in = SignIn(who.issuer, who.subject, session.name, session.csrf)
        return session.secret, Caller(who.principal, who.roles, sign_in=sign_in)

    try:
        secret, who = await arrive()
    except (NotAuthenticated, NotAuthorised) as refusal:
        note_refused_sign_in(request, services.audit, refusal, "page")
        raise
    services.audit.note_sign_in(actor_of(request, who))
    log.info("audit.sign_in", session=_session_of(who), user=who.principal.user, roles=sorted(who.roles))
    response = RedirectResponse("/", 303)
    set_attempt(response, settings, None)
    set_session(response, settings, secret)
    return response


@router.post("/logout")
async def logout(request: Request, response: Response, caller: CallerDep, services: ServicesDep) -> SignedOut:
    """End the session, in this browser and here."""
    settings = services.settings.identity
    secret = request.cookies.get(session_cookie(settings), "")
    if _session_of(caller) is None:
        raise InvalidRequest("There is no session to end: this request doesn't carry one.")
    identities = await ready(services.identities)
    location = await services.lanes.sign_ins.run(lambda: identities.end(secret))
    services.audit.note(actor_of(request, caller), Deed(action="sign_out"))
    log.info("audit.sign_out", session=_session_of(caller), user=caller.principal.user)
    set_session(response, settings, None)
    return SignedOut(location=location)


def _session_of(caller: Caller) -> str | None:
    return caller.sign_in.session if caller.sign_in else None


def _check_offered(services: Services) -> None:
    if services.settings.identity.of_page is None:
        raise NotFound("Nobody signs in here: readers use keys (identity.issuers names no client_id).")
