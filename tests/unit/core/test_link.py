"""Which links are followed."""

import pytest

from core.link import is_external, is_relative


@pytest.mark.parametrize("target", ["https://example.org/a?b#c", "HTTP://example.org", "mailto:ida@example.org"])
def test_these_lead_out(target: str) -> None:
    assert is_external(target)
    assert not is_relative(target)


@pytest.mark.parametrize("target", ["a.md", "../a/b.md#c", "/team/", "a%20b.md", "./x?y=http://z", "a/b:c.md"])
def test_these_lead_to_other_documents(target: str) -> None:
    assert is_relative(target)
    assert not is_external(target)


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "\x01javascript:alert(1)",
        " javascript:x",        "java\tscript:x", "data:text/html,x", "file:///etc/passwd", "vbscript:x", "blob:x", "ftp://x",
        "//evil.example/x",        "\\\\evil.example\\x", "/\\evil.example", "https:evil", "https://", "https:///x",
        "http://a b", "https://x\u2028",
        "#here", "?q", "", "x" * 2001, "https://e.org/" + "x" * 2000,
    ],
)  # fmt: skip
def test_these_are_never_followed(target: str) -> None:
    assert not is_external(target)
    assert not is_relative(target)
