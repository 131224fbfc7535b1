"""``/auth``: signing in and out on the page, with the company's identity provider."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.auth.attempts import CALLBACK, Attempt
from api.auth.cookies import attempt_cookie, session_cookie, set_attempt, set_session
from api.auth.principal import Caller
from api.dependencies import CallerDep, ServicesDep, ready
from api.schemas.base import ResponseBody
from api.wiring import Services
from core.errors import InvalidRequest, NotAuthenticated, NotFound
from core.logs import get_logger

log = get_logger(__name__)

router = APIRouter(prefix="/auth", tags=["signing in"])

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


@router.get("/login", include_in_schema=False)
async def login(services: ServicesDep) -> Response:
    """Send the browser to the provider."""
    _check_offered(services)
    identities, attempt = await ready(services.identities), Attempt.begin()
    response = RedirectResponse(await services.lanes.sign_ins.run(lambda: identities.begin(attempt)), 303)
    set_attempt(response, services.settings.identity, attempt.secret)
    return response


@router.get(CALLBACK.removeprefix(router.prefix), include_in_schema=False)
async def callback(
    request: Request, services: ServicesDep, code: Text = "", state: Text = "", error: Text = ""
) -> Response:
    """Take the browser back from the provider, signed in."""
    _check_offered(services)
    settings = services.settings.identity
    attempt = Attempt(request.cookies.get(attempt_cookie(settings), ""))
    if not attempt.secret or not hmac.compare_digest(attempt.value("state").encode(), state.encode()):
        raise NotAuthenticated("This sign-in wasn't begun in this browser, or took too long. Begin anew.")
    if error or not code:
        raise NotAuthenticated(f"The identity provider didn't let you in ({error[:100] or 'no code'}). Try again.")
    identities = await ready(services.identities)
    session = await services.lanes.sign_ins.run(lambda: identities.finish(attempt, code))
    who = session.identity
    log.info("audit.sign_in", session=session.name, user=who.principal.user, roles=sorted(who.roles))
    response = RedirectResponse("/", 303)
    set_attempt(response, settings, None)
    set_session(response, settings, session.secret)
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
    log.info("audit.sign_out", session=_session_of(caller), user=caller.principal.user)
    set_session(response, settings, None)
    return SignedOut(location=location)


def _session_of(caller: Caller) -> str | None:
    return caller.sign_in.session if caller.sign_in else None


def _check_offered(services: Services) -> None:
    if services.settings.identity.of_page is None:
        raise NotFound("Nobody signs in here: readers use keys (identity.issuers names no client_id).")
