"""Words are counted as held, left out or lost for what they are."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from eval.bench.documents.coverage_words import SPELLED, UNKNOWN, compare, otherwise

PAGE = "The reimbursement of a journey takes at least two weeks, and an office decides."


def test_what_is_cut_or_joined_elsewhere_is_held() -> None:
    told = "The reim- bursement of a jour\u00adney takes at leasttwo weeks, and an o\ufb03ce decides."
    share = compare(told, PAGE)
    assert (share.alike, share.elsewhere, share.missing) == (share.words - 3, 3, Counter())
    assert share.held == 1.0


def test_both_halves_of_a_word_that_is_cut_are_held_by_it() -> None:
    assert compare("It selects and sup- ports the team.", "It selects and supports the team.").held == 1.0


def test_what_is_told_twice_must_be_held_twice() -> None:
    assert compare(f"{PAGE} {PAGE}", PAGE).missing.total() == len(PAGE.split())
    assert compare(f"{PAGE} {PAGE}", f"{PAGE} {PAGE}").held == 1.0


def test_what_is_lost_is_named() -> None:
    share = compare(PAGE, PAGE.replace(" takes at least two weeks,", ""))
    assert share.missing == Counter(["takes", "at", "least", "two", "weeks"])
    assert share.held == 1 - 5 / share.words


def test_what_is_left_out_is_counted_for_its_reason() -> None:
    share = compare(f"Travel policy {PAGE} 7", PAGE, {"running": ["Travel policy"], "numbers": ["7", "8"]})
    assert share.reasons == {"running": Counter(["travel", "policy"]), "numbers": Counter(["7"])}
    assert not share.missing


def test_turned_text_that_is_read_letter_by_letter_is_held_only_where_we_have_its_letters() -> None:
    assert compare(f"1 2 0 2 n u J {PAGE}", f"Jun 2021. {PAGE}").reasons == {SPELLED: Counter("1202nuj")}
    assert compare(f"1 2 0 2 n u J {PAGE}", PAGE).missing == Counter("1202nuj")


def test_letters_of_no_known_meaning_are_no_words() -> None:
    share = compare(f"{PAGE} (cid:48)(cid:48)", PAGE)
    assert (share.reasons, share.held) == ({UNKNOWN: Counter({"(cid:48)": 2})}, 1.0)


def test_words_that_stand_in_another_ones_place_are_told_from_those_that_are_gone() -> None:
    assert otherwise(["the", "rnan", "is", "gone"], ["the", "man", "is"]) == Counter(["rnan"])


@given(st.text(), st.text())
def test_the_counts_add_up(reference: str, ours: str) -> None:
    share = compare(reference, ours, {"left": [ours]})
    told = sum(found.total() for reason, found in share.reasons.items() if reason != UNKNOWN)
    assert share.alike + share.elsewhere + told + share.missing.total() == share.words
    assert compare(reference, reference).alike == compare(reference, reference).words
