"""Permissions as terms: one way there, one way back, and nobody gets more than their list says."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from core.principal import ANONYMOUS, AccessList, Principal, email_id, is_of_a_source

NAMES = st.text(min_size=1, max_size=15) | st.sampled_from(["public", "user:x", "group:x", ":", "a:b", "x"])
LISTS = st.builds(AccessList, st.booleans(), st.frozensets(NAMES, max_size=5), st.frozensets(NAMES, max_size=5))
PRINCIPALS = st.builds(Principal, st.none() | NAMES, st.frozensets(NAMES, max_size=5))


@given(LISTS)
def test_terms_round_trip(access: AccessList) -> None:
    assert AccessList.from_terms(access.terms()) == access


@given(LISTS)
def test_terms_are_sorted_and_each_comes_once(access: AccessList) -> None:
    terms = access.terms()
    assert list(terms) == sorted(set(terms))
    assert len(terms) == access.public + len(access.users) + len(access.groups)


@given(LISTS, st.randoms())
def test_order_and_repetition_do_not_matter(access: AccessList, random: st.DataObject) -> None:
    terms = [*access.terms(), *access.terms()]
    random.shuffle(terms)  # type: ignore[attr-defined]
    assert AccessList.from_terms(terms) == access


@given(LISTS, PRINCIPALS)
def test_a_reader_sees_what_the_list_says_and_no_more(access: AccessList, reader: Principal) -> None:
    users = {reader.user, email_id(reader.user or "")}
    expected = access.public or bool(users & access.users) or bool(reader.groups & access.groups)
    assert access.allows(reader) == expected


@given(NAMES)
def test_a_user_and_a_group_of_one_name_are_two(name: str) -> None:
    assert not AccessList(users=frozenset({name})).allows(Principal(groups=frozenset({name})))
    assert not AccessList(groups=frozenset({name})).allows(Principal(user=name))


@given(NAMES)
def test_no_name_makes_anybody_public(name: str) -> None:
    assert not AccessList(users=frozenset({name}), groups=frozenset({name})).allows(ANONYMOUS)


@pytest.mark.parametrize("term", ["", "PUBLIC", " public", "user", "user:", "group:", "role:x", "User:x", ":x", "x"])
def test_other_terms_are_refused(term: str) -> None:
    with pytest.raises(InvalidRequest, match="is not an access term"):
        AccessList.from_terms(["public", term])


def test_an_empty_list_lets_nobody_in() -> None:
    assert AccessList().terms() == ()
    assert not AccessList().allows(Principal("ada", frozenset({"hr"})))


def test_without_a_name_only_what_is_public() -> None:
    assert ANONYMOUS.terms == {"public"}
    assert AccessList.everyone().allows(ANONYMOUS)


SOURCE = "0123456789abcdef" * 2
LETTERS = st.characters(categories=["L", "N"]) | st.sampled_from("kKsSiIåÅ\N{KELVIN SIGN}\N{ANGSTROM SIGN}ſİıßẞ")
WORDS = st.text(LETTERS, min_size=1, max_size=8)
ADDRESSES = st.builds("{}@{}".format, WORDS, WORDS)
Variant = Callable[[str], str]
NORMAL_FORMS = [partial(unicodedata.normalize, form) for form in ("NFC", "NFD", "NFKC", "NFKD")]
VARIANTS: list[Variant] = [str.upper, str.lower, str.casefold, str.swapcase, str.title, *NORMAL_FORMS]


@pytest.mark.parametrize("user", ["ann@example.com", "Ann@Example.com", "ANN@EXAMPLE.COM"])
def test_a_reader_is_found_under_their_address_in_small_letters(user: str) -> None:
    reader = Principal(user)
    assert AccessList(users=frozenset({"ann@example.com"})).allows(reader)
    assert AccessList(users=frozenset({user})).allows(reader), "and as somebody wrote it"


@pytest.mark.parametrize(
    "user",
    [
        "ann",
        "ANN",
        "ann@example.com ",
        " ann@example.com",
        "ann@example.com.",
        "ann@example.com\0",
        "ann@example.com\n",
        "ann@example.com\u200b",
        "ann@@example.com",
        "ann@example.com@evil.org",
        "evil@ann@example.com",
        "ann\N{FULLWIDTH COMMERCIAL AT}example.com",
        "user:ann@example.com",
        "<ann@example.com>",
        "ann+x@example.com",
        "a\N{COMBINING ACUTE ACCENT}nn@example.com",
        "\N{CYRILLIC SMALL LETTER A}nn@example.com",
        "ann@e\N{CYRILLIC SMALL LETTER HA}ample.com",
        "ＡＮＮ@example.com",
        "\ud800nn@example.com",
    ],
)
def test_no_other_name_is_taken_for_an_address(user: str) -> None:
    assert not AccessList(users=frozenset({"ann@example.com"})).allows(Principal(user))
    assert email_id(user) != "ann@example.com"


def test_no_letter_becomes_another() -> None:
    assert "\N{KELVIN SIGN}".lower() == "k"
    for user in ("\N{KELVIN SIGN}ate@example.com", "kate@example.\N{KELVIN SIGN}om"):
        assert email_id(user) == user
    assert not AccessList(users=frozenset({"kate@example.com"})).allows(Principal("\N{KELVIN SIGN}ate@example.com"))


@given(ADDRESSES, st.lists(st.sampled_from(VARIANTS), max_size=3))
def test_two_addresses_are_one_only_if_they_differ_in_the_case_of_a_to_z(one: str, changes: list[Variant]) -> None:
    other = one
    for change in changes:
        other = change(other)
    found = email_id(one)
    assert found is not None
    assert email_id(found) == found
    same = len(one) == len(other) and all(
        a == b or (a.isascii() and b.isascii() and a.lower() == b.lower()) for a, b in zip(one, other, strict=True)
    )
    assert (email_id(other) == found) == same


@given(ADDRESSES)
def test_who_writes_an_address_in_small_letters_is_not_who_writes_it_otherwise(address: str) -> None:
    """A list that names ``Ann@...`` is for who is called so, letter by letter; only the small form is for both."""
    capital = f"A{address}"
    small = email_id(capital)
    assert small is not None
    assert not AccessList(users=frozenset({capital})).allows(Principal(small))
    assert AccessList(users=frozenset({small})).allows(Principal(capital))


@pytest.mark.parametrize("name", ["hr", "", "/", "a/b", "group:x", "\n"])
def test_nobody_gets_into_a_source_s_group_by_naming_it(name: str) -> None:
    group = f"{SOURCE}/{name}"
    assert is_of_a_source(group)
    only = AccessList(groups=frozenset({group}))
    assert not only.allows(Principal("eve", frozenset({group})))
    assert only.allows(Principal("ann", synced=frozenset({group})))
    assert not only.allows(Principal("eve", frozenset({f" {group}", group.upper(), f"{SOURCE}//{name}"})))


@pytest.mark.parametrize(
    "group", ["hr", "eng/backend", SOURCE, f"x{SOURCE}/hr", f"{SOURCE[1:]}/hr", f"{SOURCE.upper()}/hr"]
)
def test_other_names_are_a_reader_s_own(group: str) -> None:
    assert not is_of_a_source(group)
    assert AccessList(groups=frozenset({group})).allows(Principal(groups=frozenset({group})))
