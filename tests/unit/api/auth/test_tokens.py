"""Tokens of API calls: good ones speak for whom they name, and no other opens anything."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from api.auth.provider import IssuerUnavailable, Provider, RefusedToken
from core.errors import NotAuthenticated
from core.identity_settings import IdentitySettings
from core.principal import Principal
from tests.servers.oidc import OidcServer
from tests.unit.api.auth.conftest import AUDIENCE, issuer_settings, signing_in
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import Stack

pytestmark = pytest.mark.anyio
HMAC_SAFE_LENGTH = 300


class MovedClock:
    """The time, and as much more as a test says."""

    def __init__(self) -> None:
        self.by = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def verifier(provider: OidcServer, clock: MovedClock) -> Iterator[Provider]:
    identity = IdentitySettings.model_validate({"issuers": [issuer_settings(provider.url)], "timeout_s": 5})
    with httpx.Client() as http:
        yield Provider(identity.issuers[0], identity, clock, http)


def raw(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    return ".".join(map(_part, [json.dumps(header).encode(), json.dumps(claims).encode(), signature]))


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


async def test_a_token_speaks_for_whom_it_names(stack: Stack, provider: OidcServer, client: httpx.AsyncClient) -> None:
    sent = {"Authorization": f"Bearer {provider.token('ann', [AUDIENCE, 'other'])}"}
    told = (await client.get("/v1/me", headers=sent)).json()
    assert told["user"] == "Ann@example.com"
    assert (told["groups"], told["roles"], told["csrf"]) == (["/staff", "hr"], ["reader"], None)
    assert (await client.post("/v1/search", json={"query": "x"}, headers=sent)).status_code == 200
    terms = stack.retriever.asked["principal"].terms
    assert terms == {"public", "user:Ann@example.com", "user:ann@example.com", "group:/staff", "group:hr"}
    assert (await client.get("/v1/keys", headers=sent)).status_code == 403


async def test_rules_give_roles(provider: OidcServer, client: httpx.AsyncClient) -> None:
    bob = {"Authorization": f"Bearer {provider.token('bob', AUDIENCE)}"}
    made = await client.post("/v1/keys", json={"name": "CI"}, headers=bob)
    assert made.status_code == 201
    trail = (await client.get("/v1/audit", headers=bob)).json()["events"]
    assert (trail[0]["name"], trail[0]["user"], trail[0]["key_id"]) == ("bob@example.com", "bob@example.com", None)
    auditor = provider.token("ann", AUDIENCE, realm_access={"roles": ["audit"]})
    assert (await client.get("/v1/audit", headers={"Authorization": f"Bearer {auditor}"})).status_code == 200


async def test_who_signs_in_acts_for_nobody(provider: OidcServer, client: httpx.AsyncClient) -> None:
    sent = {"Authorization": f"Bearer {provider.token('bob', AUDIENCE)}", "X-Footnote-User": "ann"}
    assert (await client.get("/v1/me", headers=sent)).status_code == 403


@pytest.mark.parametrize(
    ("claims", "status", "said"),
    [
        ({"aud": "somebody-else"}, 401, "aud"),
        ({"exp": 1_000_000_000}, 401, "expired"),
        ({"iss": "https://evil.example"}, 401, "issuer"),
        ({"nbf": 9_999_999_999}, 401, "claims"),
        ({"email": None}, 401, "user_claim"),
        ({"email_verified": False}, 401, "email_verified"),
        ({"groups": 7}, 401, "no list"),
        ({"groups": [f"g{number}" for number in range(2001)]}, 403, "max_groups"),
        ({"_claim_names": {"groups": "src1"}, "groups": None}, 403, "overage"),
    ],
)
async def test_what_is_wrong_is_told(
    provider: OidcServer, client: httpx.AsyncClient, claims: dict[str, Any], status: int, said: str
) -> None:
    token = provider.token("ann", AUDIENCE, **claims)
    refused = await client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == status
    assert said in refused.json()["detail"]


async def test_groups_that_a_token_has_no_room_for_are_fetched(
    tmp_path_factory: pytest.TempPathFactory, provider: OidcServer, anyio_backend: str
) -> None:
    provider.groups = {"oid-1": ["kb-admins", "g2"]}
    stack = signing_in(
        tmp_path_factory.mktemp("graph"), provider.url, overage="graph", graph_url=f"{provider.url}/graph"
    )
    async with serving(stack) as client:
        for _ in range(2):
            over = {"_claim_names": {"groups": "s"}, "_claim_sources": {"s": {"endpoint": "http://evil.example"}}}
            token = provider.token("ann", AUDIENCE, groups=None, oid="oid-1", **over)
            told = (await client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})).json()
            assert (told["groups"], told["admin"]) == (["g2", "kb-admins"], True)
        assert provider.asked.count("/graph/users/oid-1/getMemberObjects") == 1
    stack.catalog.close()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_token_with_a_fault_is_accepted(verifier: Provider, provider: OidcServer, data: st.DataObject) -> None:
    good = provider.token("ann", AUDIENCE)
    assert verifier.verify(good, [AUDIENCE]).claims["sub"] == "id-of-ann"
    with pytest.raises(NotAuthenticated):
        verifier.verify(faulty(provider, good, data), [AUDIENCE])


FAULTS = ["alg", "hmac", "signature", "claim", "time", "audience", "key", "cut", "noise", "type", "crit", "header"]
STRANGER, CURVE = RSAKey.generate_key(2048, {"kid": "stranger"}), ECKey.generate_key("P-256")
ODD = st.one_of(st.none(), st.booleans(), st.text(max_size=5), st.lists(st.integers(), max_size=2), st.floats())


def faulty(provider: OidcServer, good: str, data: st.DataObject) -> str:  # noqa: PLR0911 - one each
    """A token that differs from a good one in one thing that matters."""
    key = provider.keys[-1]
    header = {"alg": "RS256", "kid": key.get("kid"), "typ": "JWT"}
    claims = json.loads(base64.urlsafe_b64decode(good.split(".")[1] + "=="))
    signed, _, signature = good.rpartition(".")
    match data.draw(st.sampled_from(FAULTS)):
        case "alg":
            named = data.draw(st.sampled_from(["none", "None", "", "HS256", "RS1", None]))
            return raw({**header, "alg": named}, claims, data.draw(st.binary(max_size=40)))
        case "hmac":  # the public key, which everybody knows, taken for a shared one
            shared, unsigned = key.as_pem(private=False), raw({**header, "alg": "HS256"}, claims)
            return unsigned + _part(hmac.digest(shared, unsigned[:-1].encode(), "sha256"))
        case "signature":
            made = bytearray(base64.urlsafe_b64decode(signature + "=="))
            made[data.draw(st.integers(0, len(made) - 1))] ^= data.draw(st.integers(1, 255))
            return f"{signed}.{_part(bytes(made))}"
        case "claim":
            name = data.draw(st.sampled_from(["iss", "aud", "sub", "exp"]))
            value = data.draw(ODD.filter(lambda one: not (name == "sub" and isinstance(one, str) and one)))
            changed = {key: one for key, one in {**claims, name: value}.items() if one is not None}
            return jwt.encode(header, changed, key, algorithms=["RS256"])
        case "time":
            late = data.draw(st.integers(120, 10**9))
            moved = data.draw(
                st.sampled_from(
                    [
                        {"exp": claims["iat"] - late},
                        {"nbf": claims["iat"] + late},
                        {"iat": claims["iat"] + late},
                        {"exp": float("nan")},
                    ]
                )
            )
            return jwt.encode(header, {**claims, **moved}, key, algorithms=["RS256"])
        case "audience":
            other = data.draw(st.one_of(st.text(), st.lists(st.text(), max_size=3)))
            return provider.token("ann", other)
        case "key":
            kid = data.draw(st.sampled_from([key.get("kid"), "stranger", None]))
            named = {name: one for name, one in {**header, "kid": kid}.items() if one is not None}
            return jwt.encode(named, claims, STRANGER, algorithms=["RS256"])
        case "cut":
            return good[: data.draw(st.integers(0, len(good) - 3))]
        case "noise":
            return data.draw(st.text(max_size=HMAC_SAFE_LENGTH)) + "." + good
        case "type":
            kind = data.draw(st.sampled_from(["logout+jwt", "JWE", "secevent+jwt", 7]))
            return raw({**header, "typ": kind}, claims, base64.urlsafe_b64decode(signature + "=="))
        case "crit":
            return raw({**header, "crit": ["b64"], "b64": False}, claims, base64.urlsafe_b64decode(signature + "=="))
        case _:  # a key that the token itself brings
            brought = {**header, "kid": None, "jwk": CURVE.as_dict(private=False), "alg": "ES256"}
            brought = {name: one for name, one in brought.items() if one is not None}
            return jwt.encode(brought, claims, CURVE, algorithms=["ES256"])


def test_a_key_that_was_rotated_away_opens_nothing(verifier: Provider, provider: OidcServer, clock: MovedClock) -> None:
    before = provider.token("ann", AUDIENCE)
    verifier.verify(before, [AUDIENCE])
    clock.by += timedelta(seconds=11)
    provider.rotate()
    after = provider.token("ann", AUDIENCE)
    assert verifier.verify(after, [AUDIENCE]).claims["sub"] == "id-of-ann"
    with pytest.raises(RefusedToken, match="doesn't have"):
        verifier.verify(before, [AUDIENCE])


def test_made_up_key_ids_do_not_become_requests(verifier: Provider, provider: OidcServer, clock: MovedClock) -> None:
    verifier.verify(provider.token("ann", AUDIENCE), [AUDIENCE])
    for number in range(20):
        forged = jwt.encode({"alg": "RS256", "kid": str(number)}, {"sub": "x"}, STRANGER, algorithms=["RS256"])
        with pytest.raises(RefusedToken):
            verifier.verify(forged, [AUDIENCE])
    assert provider.asked.count("/jwks") == 1


def test_known_keys_go_on_while_the_provider_is_down_and_not_for_ever(
    verifier: Provider, provider: OidcServer, clock: MovedClock
) -> None:
    def token() -> str:
        return provider.token("ann", AUDIENCE, exp=9_999_999_999)

    verifier.verify(token(), [AUDIENCE])
    provider.down = True
    clock.by += timedelta(seconds=86_400)
    assert verifier.verify(token(), [AUDIENCE]).claims["sub"] == "id-of-ann"
    clock.by += timedelta(seconds=700)
    with pytest.raises(IssuerUnavailable):
        verifier.verify(token(), [AUDIENCE])
    provider.down = False
    clock.by += timedelta(seconds=11)
    assert verifier.verify(token(), [AUDIENCE]).claims["sub"] == "id-of-ann"


def test_a_clock_may_be_a_minute_off(verifier: Provider, provider: OidcServer, clock: MovedClock) -> None:
    now = int(clock.now().timestamp())
    verifier.verify(provider.token("ann", AUDIENCE, exp=now - 30), [AUDIENCE])
    with pytest.raises(RefusedToken, match="expired"):
        verifier.verify(provider.token("ann", AUDIENCE, exp=now - 90), [AUDIENCE])


async def test_keys_of_footnote_s_own_go_on_without_the_provider(stack: Stack, provider: OidcServer) -> None:
    _, plain = stack.keys.create("x")
    provider.down = True
    async with serving(stack) as client:
        assert (await client.get("/v1/me", headers={"Authorization": f"Bearer {plain}"})).status_code == 200
        token = provider.token("ann", AUDIENCE)
        down = await client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert (down.status_code, "retry-after" in down.headers) == (503, True)
        assert provider.url not in down.text


async def test_no_group_of_a_source_comes_from_a_token(
    stack: Stack, provider: OidcServer, client: httpx.AsyncClient
) -> None:
    token = provider.token("ann", AUDIENCE, groups=[f"{'a' * 32}/HR", "hr"])
    await client.post("/v1/search", json={"query": "x"}, headers={"Authorization": f"Bearer {token}"})
    assert stack.retriever.asked["principal"] == Principal("Ann@example.com", frozenset({"hr"}))
