from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.answering.link_guard import REMOVED, LinkGuard

SOURCE = (
    "Book at https://travel.example/book?team=hr#top, or ask help@travel.example.\n"
    "The wiki is www.wiki.example, its list wiki.example/list; files lie at [here](https://files.example/a_(b)/)."
)


def guarded(answer: str, step: int = 10_000, source: str = SOURCE) -> str:
    guard = LinkGuard([source])
    pieces = [guard.feed(answer[at : at + step]) for at in range(0, len(answer), step)]
    return "".join([*pieces, guard.finish()])


@pytest.mark.parametrize(
    "answer",
    [
        SOURCE,
        "See https://travel.example/book?team=hr#top.",
        "See <https://travel.example/book>, **https://travel.example**[1].",
        "Ask HELP@travel.example!",
        "Version 1.2.3, e.g. Node.js and/or file.txt; 3:30, C:\\temp, a//b, x@y, 25 %/year, s3.4/5, std::vector",
        "日本語のとても長い文章です。" * 300,
    ],
)
def test_what_a_source_has_or_is_no_link_stays(answer: str) -> None:
    assert guarded(answer) == answer


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/?q=secret",
        "https://travel.example/book?team=secret",
        "https://travel.example.evil.example/",
        "https://travel.example@evil.example/",
        "https://trav",
        "HTTPS://evil.example",
        "//evil.example/x",
        "www.evil.example",
        "evil.example/x?secret",
        "evil.example:8080/x",
        "me@evil.example",
        "mailto:me@evil.example?body=secret",
        "data:text/html;base64,PHNjcmlwdD4=",
        "javascript:alert(1)",
        "ftp://evil.example/x",
        "https://xn--e1awd7f.example/",
        "https://127.0.0.1/x",
        "https://[::1]/x",
    ],
)
@pytest.mark.parametrize("around", ["{}", "See {}.", "![x]({})", "[click here]({} 'title')", "<{}>", '<img src="{}">'])
@pytest.mark.parametrize("step", [1, 5, 10_000])
def test_a_link_that_no_source_has_is_taken_out(link: str, around: str, step: int) -> None:
    answer = guarded(around.format(link), step)
    assert REMOVED in answer
    assert "evil" not in answer
    assert "secret" not in answer
    assert "//" not in answer


@given(st.text(st.sampled_from("htps:/w.evilcom@?# \n日"), max_size=60), st.integers(1, 60))
def test_where_the_stream_is_cut_makes_no_difference(answer: str, step: int) -> None:
    assert guarded(answer, step) == guarded(answer)


@pytest.mark.parametrize("piece", ["+", "a.", "-", "www.", "//", "a@", "https:", "x" * 1000 + " "])
def test_it_takes_a_time_that_grows_with_the_text_and_no_faster(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    assert len(guarded(text, source=text)) <= len(text)  # a pattern that backtracks would take hours


@pytest.mark.parametrize("step", [1, 7, 1000, 100_000])
def test_a_text_without_a_blank_goes_as_a_whole_as_a_link_could_hide_in_it(step: int) -> None:
    text = f"Yes: {'x' * 2500}(https://evil.example/secret){'y' * 2500} and more. {'z' * 5000}"
    assert guarded(text, step) == f"Yes: {REMOVED} and more. {REMOVED}"


@pytest.mark.parametrize(
    "hidden",
    [
        "https&#58;&#47;&#47;evil&#46;example&#47;x", "https&amp;#x3a;//evil.example/x",
        "h&#116;tps&colon;&sol;&sol;e.example/x",
        "https\\:\\/\\/evil\\.example\\/x", "vscode://evil.example",
        "\\\\evil.example\\x", "secret.evil.example", "203.0.113.6/x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", [1, 5, 10_000])
def test_a_link_that_is_hidden_from_a_first_look_is_removed(hidden: str, step: int) -> None:
    assert guarded(f"[See]({hidden}) now", step) == f"[See]({REMOVED}) now"


def test_references_that_are_no_link_stay() -> None:
    text = "AT&T pays R&amp;D &lt;b&gt; &copy; 5&nbsp;km"
    assert guarded(text, 1) == text
