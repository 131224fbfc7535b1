"""Confluence's storage format becomes HTML in which every word that stands on the page is kept."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.connectors.confluence.storage import mentioned, to_html
from ingestion.connectors.confluence.storage_writer import Place

PLACE = Place("https://wiki.example.com", "ENG", "42")


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def text_of(html: str) -> str:
    reader = _Text()
    reader.feed(html)
    reader.close()
    return "".join(reader.pieces)


def words(storage: str) -> list[str]:
    return text_of(to_html(storage, PLACE).replace("</p>", "</p> ")).split()


@pytest.mark.parametrize(
    ("storage", "html"),
    [
        ("<h1>Top</h1><h6>Low</h6>", "<h2>Top</h2><h6>Low</h6>"),
        ("<p>a&nbsp;b &rsquo; &lt;x&gt; &amp;</p>", "<p>a\xa0b ’ &lt;x&gt; &amp;</p>"),
        ("<p>in<span style='color:red'>side</span></p>", "<p>inside</p>"),
        ('<p><ac:inline-comment-marker ac:ref="1">mar</ac:inline-comment-marker>ked</p>', "<p>marked</p>"),
        ('<td colspan="2" onclick="x()">c</td>', "<td colspan=2>c</td>"),
        ('<a href="javascript:alert(1)">x</a>', "x"),
        ('<a href="/display/A/B">x</a>', '<a href="https://wiki.example.com/display/A/B">x</a>'),
        ('<p><time datetime="2026-03-01" /></p>', "<p>2026-03-01</p>"),
        ('<ac:emoticon ac:name="tick" />', "✔"),
        ('<ac:emoticon ac:name="blue-star" ac:emoji-fallback="⭐" />', "⭐"),
    ],
)
def test_plain_elements_and_what_is_unsafe(storage: str, html: str) -> None:
    assert to_html(storage, PLACE) == html


def test_code_keeps_its_lines_and_its_markup_as_text() -> None:
    storage = (
        '<ac:structured-macro ac:name="code" ac:macro-id="7"><ac:parameter ac:name="language">xml</ac:parameter>'
        '<ac:parameter ac:name="title">Set up</ac:parameter>'
        "<ac:plain-text-body><![CDATA[<a>\n  &nbsp; b ]]]]><![CDATA[> c</a>]]></ac:plain-text-body>"
        "</ac:structured-macro>"
    )
    html = to_html(storage, PLACE)
    assert "<pre>&lt;a&gt;\n  &amp;nbsp; b ]]&gt; c&lt;/a&gt;</pre>" in html
    assert "<strong>Set up</strong>" in html
    assert "xml" not in text_of(html)


def test_macros_keep_titles_bodies_and_keys() -> None:
    storage = """
<ac:structured-macro ac:name="expand"><ac:parameter ac:name="title">More about leave</ac:parameter>
<ac:rich-text-body><p>Thirty days.</p></ac:rich-text-body></ac:structured-macro>
<ac:structured-macro ac:name="warning"><ac:rich-text-body><p>Never share keys.</p></ac:rich-text-body>
</ac:structured-macro>
<p>State: <ac:structured-macro ac:name="status"><ac:parameter ac:name="colour">Green</ac:parameter>
<ac:parameter ac:name="title">APPROVED</ac:parameter></ac:structured-macro></p>
<p><ac:structured-macro ac:name="jira"><ac:parameter ac:name="serverId">aa-bb</ac:parameter>
<ac:parameter ac:name="columns">key, summary</ac:parameter>
<ac:parameter ac:name="key">OPS-17</ac:parameter></ac:structured-macro></p>
<ac:structured-macro ac:name="include"><ac:parameter ac:name=""><ac:link>
<ri:page ri:content-title="House rules" /></ac:link></ac:parameter></ac:structured-macro>
<ac:structured-macro ac:name="third-party"><ac:parameter ac:name="note">Ask Ann first</ac:parameter>
<ac:parameter ac:name="width">300</ac:parameter></ac:structured-macro>
<ac:structured-macro ac:name="toc"><ac:parameter ac:name="maxLevel">3</ac:parameter></ac:structured-macro>
"""
    found = " ".join(words(storage))
    for kept in ("More about leave", "Thirty days.", "Never share keys.", "State: APPROVED", "OPS-17", "House rules"):
        assert kept in found
    assert "Ask Ann first" in found
    for left_out in ("Green", "aa-bb", "summary", "300", "3"):
        assert left_out not in found.split()


def test_tasks_tables_and_layouts() -> None:
    storage = (
        '<ac:layout><ac:layout-section ac:type="two_equal"><ac:layout-cell><p>Left</p></ac:layout-cell><ac:layout-cell>'
        "<table><colgroup><col /></colgroup><tbody><tr><th>Who</th></tr><tr><td><p>Ann</p></td></tr></tbody></table>"
        "</ac:layout-cell></ac:layout-section></ac:layout>"
        "<ac:task-list><ac:task><ac:task-id>987</ac:task-id><ac:task-status>complete</ac:task-status>"
        "<ac:task-body>Order keys</ac:task-body></ac:task><ac:task><ac:task-status>incomplete</ac:task-status>"
        "<ac:task-body>Return keys</ac:task-body></ac:task></ac:task-list>"
    )
    html = to_html(storage, PLACE)
    assert "<tr><th>Who</th></tr><tr><td><p>Ann</p></td></tr>" in html
    assert re.search(r"<ul><li>\[x\] \s*Order keys\s*</li><li>\[ \] \s*Return keys\s*</li></ul>", html)
    assert "987" not in html


def test_links_lead_to_pages_files_and_people() -> None:
    storage = (
        '<p><ac:link><ri:page ri:space-key="HR" ri:content-title="Leave &amp; pay" /></ac:link>, '
        '<ac:link><ri:attachment ri:filename="plan b.pdf"><ri:page ri:content-title="Elsewhere" /></ri:attachment>'
        "<ac:plain-text-link-body><![CDATA[the plan]]></ac:plain-text-link-body></ac:link>, "
        '<ac:link><ri:user ri:account-id="557058:a" /></ac:link>, <ac:link ac:anchor="x"><ac:link-body>here'
        "</ac:link-body></ac:link></p>"
    )
    assert mentioned(storage) == {"557058:a"}
    html = to_html(storage, PLACE, {"557058:a": "Ann Lee"})
    assert '<a href="https://wiki.example.com/display/HR/Leave+%26+pay">Leave &amp; pay</a>' in html
    assert '<a href="https://wiki.example.com/download/attachments/42/plan%20b.pdf">the plan</a>' in html
    assert "@Ann Lee" in html
    assert "here" in html


def test_images_tell_their_alternative_text_and_caption() -> None:
    storage = (
        '<p>See<ac:image ac:alt="Floor plan of Oslo" ac:width="300"><ri:attachment ri:filename="oslo.png" />'
        '<ac:caption><p>Third floor</p></ac:caption></ac:image></p><ac:image><ri:attachment ri:filename="bare.png" />'
        '</ac:image><ac:image ac:alt="Logo"><ri:url ri:value="https://x.example/logo.png" /></ac:image>'
    )
    found = " ".join(words(storage))
    assert "Floor plan of Oslo" in found
    assert "Third floor" in found
    assert "bare.png" in found
    assert "Logo" in found


def test_an_adf_extension_is_told_once() -> None:
    node = '<ac:adf-node type="panel"><ac:adf-attribute key="panel-type">note</ac:adf-attribute>{}</ac:adf-node>'
    content = "<ac:adf-content><p>Told once</p></ac:adf-content>"
    fallback = "<ac:adf-fallback><p>Told once</p></ac:adf-fallback>"
    both = f"<ac:adf-extension>{node.format(content)}{fallback}</ac:adf-extension>"
    assert words(both) == ["Told", "once"]
    assert words(f"<ac:adf-extension>{node.format('')}{fallback}</ac:adf-extension>") == ["Told", "once"]


@pytest.mark.parametrize(
    "broken",
    [
        "<p>one <b>two</p> three",
        "one & two &unknown; three",
        "<p>one</p></div><p>two three",
        "<p>one <ac:link><ri:page ri:content-title='p'/></ac:link> two three",
        "<p>one\x0b two \x00three</p>",
        "<p>one <![CDATA[two three</p>",
        "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><p>one two three &e;</p>",
    ],
)
def test_what_is_not_well_formed_keeps_its_words(broken: str) -> None:
    found = " ".join(words(broken))
    assert re.search("one.*two.*three", found)
    assert "root:" not in found


def test_deep_nesting_keeps_its_words_and_stays_readable() -> None:
    deep = "<div>" * 3000 + "bottom" + "</div>" * 3000
    html = to_html(deep, PLACE)
    assert "bottom" in text_of(html)
    assert html.count("<div>") <= 200


def test_a_storage_of_many_megabytes_is_read_in_linear_time() -> None:
    html = to_html("<p>word &amp; more</p>" * 100_000, PLACE)
    assert html.count("<p>") == 100_000


_WORDS = st.lists(st.text("abcdefgäß漢 &<>'\"", min_size=1, max_size=12), min_size=1, max_size=3).map(" ".join)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


_TAGS = st.sampled_from(
    [
        "p",
        "h2",
        "td",
        "li",
        "strong",
        "div",
        "blockquote",
        "ac:layout-cell",
        "ac:rich-text-body",
        "ac:task-body",
        "at:x",
    ]
)
_IMAGE = '<ac:image ac:alt="{}"><ri:attachment ri:filename="f"/></ac:image>'
_LINK = '<ac:link><ri:page ri:content-title="p"/><ac:link-body>{}</ac:link-body></ac:link>'
_CODE = (
    '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[{}]]></ac:plain-text-body></ac:structured-macro>'
)
_LEAF = st.one_of(
    *(_WORDS.map(lambda text, form=form: (form.format(_escaped(text)), [text])) for form in ("{}", _IMAGE, _LINK)),
    _WORDS.map(lambda text: (_CODE.format(text), [text])),
)


def _nested(inner: st.SearchStrategy[tuple[str, list[str]]]) -> st.SearchStrategy[tuple[str, list[str]]]:
    def put(tag: str, parts: list[tuple[str, list[str]]]) -> tuple[str, list[str]]:
        content = "".join(storage for storage, _ in parts)
        said = [text for _, texts in parts for text in texts]
        return f"<{tag}>{content}</{tag}>", said

    def macro(name: str, title: str, part: tuple[str, list[str]]) -> tuple[str, list[str]]:
        return (
            f'<ac:structured-macro ac:name="{name}"><ac:parameter ac:name="title">{_escaped(title)}</ac:parameter>'
            f"<ac:rich-text-body>{part[0]}</ac:rich-text-body></ac:structured-macro>",
            [title, *part[1]],
        )

    return st.one_of(
        st.builds(put, _TAGS, st.lists(inner, max_size=4)),
        st.builds(macro, st.sampled_from(["panel", "info", "expand", "excerpt", "unheard-of"]), _WORDS, inner),
    )


@given(st.recursive(_LEAF, _nested, max_leaves=25))
@example(("<p>a</p><p>b</p>", ["a", "b"]))
def test_every_word_of_a_page_is_in_its_html(made: tuple[str, list[str]]) -> None:
    storage, said = made
    found = text_of(to_html(storage, PLACE))
    for text in said:
        for word in text.split():
            assert word in found
