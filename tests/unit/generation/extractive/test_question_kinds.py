from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.extractive.question_kinds import Asking


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How long is parental leave?", "duration"),
        ("How much is the gift budget?", "amount"),
        ("What is the maximum hotel price?", "amount"),
        ("When does the fiscal year start?", "time"),
        ("Who approves a purchase?", "person"),
        ("What is Okta?", "definition"),
        ("What are option grants?", "definition"),
        ("Can I fly business class?", "yes-no"),
        ("How do I resign?", "steps"),
        ("slack retention", "other"),
        ("Wie lange dauert die Elternzeit?", "other"),
    ],
)
def test_tells_what_is_asked_for(question: str, kind: str) -> None:
    assert Asking.of(question).kind == kind


@pytest.mark.parametrize(
    ("question", "better", "worse"),
    [
        ("How long is the leave?", "Leave lasts 16 weeks.", "Leave is generous."),
        ("How much is the budget?", "The budget is $500.", "The budget is yours."),
        ("When does the plant close?", "It closes on Monday 14 July.", "It closes for everybody."),
        ("Who signs contracts?", "The legal team signs contracts.", "Contracts are signed with care."),
        ("Who is the CEO?", "I (Ann O'Hara) am the CEO of Halden.", "The CEO meets everybody."),
        ("Who is the head of sales?", "Head of Sales: Bo Lind", "Ask the head of sales, or Bo Lind."),
        ("What is an incident?", "An incident is an unplanned event.", "Report an incident at once."),
        ("What is Okta?", "Okta (our sign-on) is an identity service.", "You sign in with Okta."),
        ("What is Modern Health?", "**Modern Health**: therapy and coaching", "Modern life is unhealthy."),
        ("How do I get a badge?", "1. Ask the front desk for one.", "Badges are made of plastic."),
        ("Can I use it at home?", "No, it must stay here.", "It is heavy."),
    ],
)
def test_the_asked_form_is_worth_more(question: str, better: str, worse: str) -> None:
    asking = Asking.of(question)
    assert asking.fit(better) > asking.fit(worse)


@given(st.text(max_size=60), st.text(max_size=60))
def test_form_is_a_hint_whatever_is_asked(question: str, text: str) -> None:
    assert 0.5 < Asking.of(question).fit(text) < 1.5
