"""Permissions as terms: one way there, one way back, and nobody gets more than their list says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from core.principal import ANONYMOUS, AccessList, Principal

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
    expected = access.public or reader.user in access.users or bool(reader.groups & access.groups)
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
