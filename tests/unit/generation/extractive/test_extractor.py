from __future__ import annotations

from typing import Any

import pytest

from generation.extractive.extractor import MAX_WORDS, extract

LEAVE = (
    "Paid leave\n\nEvery employee gets 25 days of paid leave a year. Leave that is not taken expires in March."
    "\n\nThe canteen opens at noon. It serves soup."
    "\n\nParental leave is granted for:\n\nBirth of a child\n\nAdoption of a child"
)


def test_answers_with_sentences_of_the_source_to_the_letter(make_chunk: Any, embedder: Any) -> None:
    chunks = [make_chunk("Nothing of use is here.", document="d0"), make_chunk(LEAVE)]
    extraction = extract("How many days of paid leave does an employee get?", chunks, embedder)
    assert [one.text for one in extraction.extracts][:1] == ["Every employee gets 25 days of paid leave a year."]
    for one in extraction.extracts:
        chunk = chunks[one.source]
        assert chunk.text[one.start - chunk.start : one.end - chunk.start] == one.text


@pytest.mark.parametrize(
    "question",
    ["What is the capital of France?", "what colour is the moon", "What is the policy on Mars leave?", "???", "the of"],
)
def test_abstains_where_nothing_fits(question: str, make_chunk: Any, embedder: Any) -> None:
    extraction = extract(question, [make_chunk(LEAVE)], embedder)
    assert extraction.extracts == ()
    assert extraction.reason.endswith(".")


def test_headings_and_questions_are_not_answers(make_chunk: Any, embedder: Any) -> None:
    text = (
        "Remote work policy\n\nWhat is the remote work policy?\n\nThe remote policy lets you work from home on Fridays."
    )
    extraction = extract("What is the remote policy?", [make_chunk(text)], embedder)
    assert [one.text for one in extraction.extracts] == ["The remote policy lets you work from home on Fridays."]


def test_an_introduction_brings_its_list(make_chunk: Any, embedder: Any) -> None:
    extraction = extract("When is parental leave granted?", [make_chunk(LEAVE)], embedder)
    texts = [one.text for one in extraction.extracts]
    place = texts.index("Parental leave is granted for:")
    assert texts[place + 1 : place + 3] == ["Birth of a child", "Adoption of a child"]
    assert [one.item for one in extraction.extracts][place : place + 3] == [False, True, True]


def test_a_sentence_that_leans_on_the_one_before_brings_it(make_chunk: Any, embedder: Any) -> None:
    text = "Ask the travel desk. It books flights and trains for business trips."
    extraction = extract("Who books flights and trains?", [make_chunk(text)], embedder)
    assert [(one.text, one.joins) for one in extraction.extracts] == [
        ("Ask the travel desk.", False),
        ("It books flights and trains for business trips.", True),
    ]


def test_the_same_sentence_in_two_documents_is_said_once(make_chunk: Any, embedder: Any) -> None:
    chunks = [make_chunk("Badges open the main door.", document=f"d{n}") for n in range(4)]
    assert len(extract("What do badges open?", chunks, embedder).extracts) == 1


def test_it_stays_short(make_chunk: Any, embedder: Any) -> None:
    text = " ".join(f"Badge number {name} opens the door." for name in "abcdefghijklmnopqrstuvwxyz")
    extracts = extract("Which badge opens the door?", [make_chunk(text)], embedder).extracts
    assert 1 <= sum(len(one.text.split()) for one in extracts) <= MAX_WORDS


def test_no_sentence_is_longer_than_the_embedder_reads(make_chunk: Any, embedder: Any) -> None:
    long = "Badges open " + "very " * 120 + "many doors."
    extract("What do badges open?", [make_chunk(long + " Badges open doors.")], embedder)
    assert 0 < embedder.longest <= embedder.window_tokens


def test_without_the_embedder_words_decide_and_it_says_so(make_chunk: Any, embedder: Any) -> None:
    embedder.down = True
    extraction = extract("How many days of paid leave?", [make_chunk(LEAVE)], embedder)
    assert extraction.extracts[0].text == "Every employee gets 25 days of paid leave a year."
    assert extraction.degraded == "embedder: The embedder is down."
    assert extract("Which snakes may be kept?", [make_chunk(LEAVE)], embedder).extracts == ()


def test_no_passages(embedder: Any) -> None:
    assert extract("Anything?", [], embedder).extracts == ()


def test_who_somebody_is_comes_before_what_is_called_after_them(make_chunk: Any, embedder: Any) -> None:
    chunks = [
        make_chunk("CEO Shadow Program\n\nThe CEO program is open to all. The CEO meets the CEO team.", document="d0"),
        make_chunk("Contacts\n\nAnn Lindqvist is the CEO of the company.", document="d1"),
    ]
    first = extract("Who is the CEO?", chunks, embedder).extracts[0]
    assert first.text == "Ann Lindqvist is the CEO of the company."


def test_a_definition_is_shown(make_chunk: Any, embedder: Any) -> None:
    text = "You sign in with Okta.\n\nOpen Okta on your phone.\n\nOkta is an identity and sign-on service."
    many = f"Okta\n\n{'Open Okta on your phone to see it there. ' * 20}"
    extracts = extract("What is Okta?", [make_chunk(many), make_chunk(text, document="d2")], embedder).extracts
    assert "Okta is an identity and sign-on service." in [one.text for one in extracts if one.source == 1]


def test_a_mails_head_is_no_answer_but_says_what_the_mail_is_about(make_chunk: Any, embedder: Any) -> None:
    text = (
        "From: Ann <ann@x.example>\nSubject: Closure of the plant\n\nDear all,\n\n"
        "The plant closes from Monday 14 July to Friday 25 July."
    )
    extracts = extract("When does the closure of the plant begin?", [make_chunk(text)], embedder).extracts
    assert [one.text for one in extracts] == ["The plant closes from Monday 14 July to Friday 25 July."]


def test_rows_that_differ_in_one_number_are_not_the_same(make_chunk: Any, embedder: Any) -> None:
    text = "Spend: up to 10 | Quotes: 1\nSpend: up to 50 | Quotes: 2"
    extracts = extract("How many quotes for a spend?", [make_chunk(text)], embedder).extracts
    assert [one.text for one in extracts] == text.split("\n")


def test_a_yes_brings_the_sentence_that_says_it(make_chunk: Any, embedder: Any) -> None:
    reason = "Badges open doors in every building that the company rents or owns, as long as the guard is there. " * 3
    text = f"Can badges open doors?\n\nYes. {reason}"
    extracts = extract("Can badges open doors?", [make_chunk(text)], embedder).extracts
    assert extracts[0].text == "Yes."


def test_a_year_or_a_place_that_no_source_mentions_has_no_answer(make_chunk: Any, embedder: Any) -> None:
    chunks = [make_chunk("The revenue of the company was 5 million in 2023.")]
    assert extract("What was the revenue in 2019?", chunks, embedder).extracts == ()
    assert extract("What was the revenue in Oslo?", chunks, embedder).extracts == ()
    assert "mention" in extract("What was the revenue in Oslo?", chunks, embedder).reason
    assert "mention" not in extract("What was the revenue of over 5000?", chunks, embedder).reason


def test_a_passage_is_read_with_its_neighbours(make_chunk: Any, embedder: Any) -> None:
    text = f"Doors\n\nBadges open the main door. Guards check them at night.\n\nLunch\n\n{'Soup is served. ' * 60}"
    extracts = extract("What do badges open?", [make_chunk(text)], embedder).extracts
    assert [(one.text, one.joins) for one in extracts] == [
        ("Badges open the main door.", False),
        ("Guards check them at night.", True),
    ]


def test_the_documents_title_says_what_a_sentence_is_about(make_chunk: Any, embedder: Any) -> None:
    text = "Pay\n\nThe primary gets 4,500 kroner a week."
    asked = "What is the pay of the primary in the night watch?"
    assert extract(asked, [make_chunk(text, title="Night watch")], embedder).extracts
    assert not extract("What is the pay in the night watch?", [make_chunk(text, title="Lunch")], embedder).extracts


def test_what_announces_a_list_comes_with_an_item_of_it(make_chunk: Any, embedder: Any) -> None:
    items = "\n".join(f"Colour {name}: paint the fence with it, then the gate, then the shed" for name in "abcde")
    text = f"Choose one of the colours:\n{items}\nColour teal: for doors\n{items}"
    extracts = extract("What is the colour teal for?", [make_chunk(text, title="Paint")], embedder).extracts
    assert extracts[0].text == "Choose one of the colours:"
    assert "Colour teal: for doors" in [one.text for one in extracts]


def test_the_sentence_that_answers_leads_and_its_answer_is_marked(make_chunk: Any, embedder: Any) -> None:
    text = f"Doors\n\nThe house is old. Badges open the main door. It is red.\n\nLunch\n\n{'Soup is served. ' * 60}"
    chunk = make_chunk(text, start=50)
    found = extract("What do badges open?", [chunk], embedder).extracts
    assert [one.text for one in found] == ["Badges open the main door.", "The house is old.", "It is red."]
    assert not any(one.joins for one in found)  # what stood before and after it is no longer one text
    assert found[0].key == (found[0].start, found[0].end)
    text = f"Leave\n\nLeave is good. You get 25 days of leave. Ask early.\n\nLunch\n\n{'Soup is served. ' * 60}"
    first = extract("How many days of leave do I get?", [make_chunk(text, start=50)], embedder).extracts[0]
    assert first.key is not None
    assert text[first.key[0] - 50 : first.key[1] - 50] == "25 days"


def test_a_list_is_shown_whole_though_it_is_long(make_chunk: Any, embedder: Any) -> None:
    steps = [f"Step {name}: open the drawer, take the form out of it and fill it in." for name in "abcdefgh"]
    text = "\n\n".join(["Badges", "To get a badge:", *steps, "Lunch", "Soup is served. " * 60])
    extraction = extract("How do I get a badge?", [make_chunk(text, title="Doors")], embedder)
    assert [one.text for one in extraction.extracts] == ["To get a badge:", *steps]
    assert [one.item for one in extraction.extracts] == [False] + [True] * 8
    assert not extraction.cut
    endless = "\n\n".join(["Badges", "To get a badge:", *steps * 4])
    extraction = extract("How do I get a badge?", [make_chunk(endless, title="Doors")], embedder)
    assert sum(len(one.text.split()) for one in extraction.extracts) <= MAX_WORDS
    assert extraction.cut


def test_lines_under_a_heading_come_with_it(make_chunk: Any, embedder: Any) -> None:
    prose = "Soup is served. " * 60
    text = (
        f"{prose}\n\nCountries that are closed to us\n\nnever: Cuba\n\nnever: Iran\n\nnever: Syria\n\nLunch\n\n{prose}"
    )
    found = extract("Is Cuba closed to us?", [make_chunk(text)], embedder).extracts
    assert [one.text for one in found] == [
        "Countries that are closed to us", "never: Cuba", "never: Iran", "never: Syria",
    ]  # fmt: skip
    assert [one.item for one in found] == [False, True, True, True]
    rows = [
        f"Service: {name} | Availability: {number} %" for number, name in enumerate(("intake", "alarms", "archive"))
    ]
    found = extract("Which availability have alarms?", [make_chunk("\n".join(["Targets", *rows]))], embedder).extracts
    assert [one.text for one in found] == rows  # each has the names of its columns


def test_no_sentence_is_said_twice_and_none_announces_nothing(make_chunk: Any, embedder: Any) -> None:
    shared = "Ask the desk for a form."
    chunks = [
        make_chunk(f"Badges\n\nBadges open the main door. {shared}", document="d0"),
        make_chunk(f"Doors\n\nThe main door opens by badges. {shared}", document="d1"),
    ]
    found = [one.text for one in extract("Do badges open the main door?", chunks, embedder).extracts]
    assert found.count(shared) == 1
    step = "Fill in the form with care and hand it in at the desk by noon. " * 20
    text = f"Badges\n\nBadges open the main door.\n\nTo get one of the badges you have to do the following:\n\n{step}"
    found = [one.text for one in extract("What do badges open?", [make_chunk(text)], embedder).extracts]
    assert found == ["Badges open the main door."]


def test_what_to_do_comes_with_why(make_chunk: Any, embedder: Any) -> None:
    text = (
        f"Doors\n\nBadges open no door at night.\n\nTo fix this:\n\nAsk.\n\nWait.\n\nLunch\n\n{'Soup is served. ' * 60}"
    )
    found = extract("Which door do badges open at night?", [make_chunk(text)], embedder).extracts
    assert [one.text for one in found] == ["Badges open no door at night.", "To fix this:", "Ask.", "Wait."]
