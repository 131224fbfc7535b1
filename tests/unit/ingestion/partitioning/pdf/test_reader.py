"""The reader of PDF: order, structure, what is left out, and where everything stands."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from core.errors import DocumentTooLarge, EmptyDocument, UnreadableDocument
from core.place import boxes
from ingestion.partitioning.pdf.reader import FURNITURE, OUTSIDE, PdfOptions, read_pdf
from ingestion.partitioning.port import Element, ElementKind
from ingestion.partitioning.reading import Reading
from tests.unit.ingestion.partitioning.pdf_writing import HEIGHT, WIDTH, column, drawn, prose, put


def texts(reading: Reading) -> list[str]:
    return [element.text for element in reading.elements]


def words_under(content: bytes, element: Element, start: int, end: int) -> str:
    """What PDFium, which has no part in reading, finds in the boxes of a span."""
    import pypdfium2 as pdfium

    found = []
    with pdfium.PdfDocument(content) as document:
        for box in boxes(element.lines, start, end):
            page = document[box.page - 1]
            top = page.get_height()
            text = page.get_textpage()
            found.append(text.get_text_bounded(box.left, top - box.bottom, box.right, top - box.top))
    return " ".join(" ".join(found).split())


def test_two_columns_are_read_one_after_the_other_below_the_title_over_both() -> None:
    left, right = prose(0, 12), prose(17, 12)

    def page(canvas: Canvas) -> None:
        put(canvas, 72, 120, "A title that runs over both of the columns below it", 18)
        column(canvas, 72, 150, left, size=8)
        column(canvas, 320, 150, right, size=8)

    assert texts(read_pdf(drawn(page), "a.pdf"))[0] == "A title that runs over both of the columns below it"
    assert " ".join(texts(read_pdf(drawn(page), "a.pdf"))[1:]) == " ".join([*left, *right])


def test_the_number_of_an_equation_is_not_the_mark_of_the_other_columns_line() -> None:
    """It stands as close to that line as the number of a list's item would."""
    left = ["which are shown as they stand in each", "column of a page of two, as in this one:"] * 4
    right = ["larity) is the end of a word that began", "in the column on the left of this one."] * 4

    def page(canvas: Canvas) -> None:
        for number, (before, behind) in enumerate(zip(left, right, strict=True)):
            canvas.setFont("Courier", 9)
            if number == 3:
                canvas.drawString(120, HEIGHT - 150 - 13 * number, "a = b + c")
                canvas.drawRightString(72 + 40 * 5.4, HEIGHT - 150 - 13 * number, "(1)")
            else:
                canvas.drawString(72, HEIGHT - 150 - 13 * number, before.ljust(40, "."))
            canvas.drawString(310, HEIGHT - 150 - 13 * number, behind)

    told = " ".join(texts(read_pdf(drawn(page), "a.pdf")))
    assert "a = b + c (1)" in told
    assert " ".join(right) in told


def test_words_cut_at_line_ends_are_joined_and_real_hyphens_stay() -> None:
    lines = [
        "The reimbursement of a journey takes long. We reim-",
        "burse it in a week; a long-term plan is a long-",
        "term plan, and self-",
        "service is for pre-",
        "and postpaid cards of COVID-",
        "19 times.",
    ]
    reading = read_pdf(drawn(lambda canvas: column(canvas, 72, 150, lines)), "a.pdf")
    assert texts(reading) == [
        "The reimbursement of a journey takes long. We reimburse it in a week; a long-term plan is a long-term plan, "
        "and self-service is for pre- and postpaid cards of COVID-19 times."
    ]


def test_a_hyphen_that_the_document_writes_between_such_words_elsewhere_stays() -> None:
    lines = [
        "A low-dimensional space is a dimensional one, and what is high may be under-",
        "standing in need of understanding. Justified text has many cuts: repre-",
        "sentation of a representation. It is a high-",
        "dimensional one.",
    ]
    (element,) = read_pdf(drawn(lambda canvas: column(canvas, 72, 150, lines, size=9)), "a.pdf").elements
    assert element.text.endswith("It is a high-dimensional one.")
    assert "understanding in need of understanding" in element.text


def test_two_pages_of_a_long_document_that_begin_with_the_same_word_have_no_running_line() -> None:
    def page(number: int) -> Any:
        def draw(canvas: Canvas) -> None:
            if number in (2, 5):
                put(canvas, 72, 60, "Rate")
            column(canvas, 72, 200 + 5 * number, [*prose(number * 5, 4), "and so on."])

        return draw

    reading = read_pdf(drawn(*(page(number) for number in range(1, 9))), "a.pdf")
    assert texts(reading).count("Rate") == 2
    assert reading.warnings == []


def test_a_sentence_goes_on_over_the_page_and_its_boxes_are_on_both() -> None:
    above, below = prose(0, 3), ["that goes on over here and ends.", "Then another one begins."]
    content = drawn(
        lambda canvas: column(canvas, 72, 700, above), lambda canvas: column(canvas, 72, 120, below, pitch=40)
    )
    first, second = read_pdf(content, "a.pdf").elements
    assert first.text == " ".join([*above, below[0]])
    start = first.text.index("goes on")
    assert [box.page for box in boxes(first.lines, start, start + 7)] == [2]
    assert {box.page for box in boxes(first.lines, 0, len(first.text))} == {1, 2}
    assert (first.page, second.page) == (1, 2)


def test_running_lines_and_page_numbers_are_dropped_and_counted() -> None:
    def page(number: int) -> Any:
        def draw(canvas: Canvas) -> None:
            put(canvas, 72, 30, f"Travel policy, version {number}", 9)
            column(canvas, 72, 200 + 20 * number, [*prose(number * 5, 4), "and so on."])
            put(canvas, 290, HEIGHT - 20, f"{number} / 3", 9)

        return draw

    reading = read_pdf(drawn(*(page(number) for number in (1, 2, 3))), "a.pdf")
    assert len(reading.elements) == 3
    assert reading.warnings == [
        "dropped: 3 running headers and footers ('Travel policy, version #').",
        "dropped: 3 page numbers.",
    ]
    left_out = {reason: sorted(lines) for reason, lines in reading.left_out.items()}
    assert left_out[FURNITURE] == sorted(
        line for number in (1, 2, 3) for line in (f"Travel policy, version {number}", f"{number} / 3")
    )


def test_what_only_looks_like_furniture_stays() -> None:
    def page(canvas: Canvas) -> None:
        put(canvas, 72, 40, "Security", 20)
        column(canvas, 72, 200, prose(3, 4))
        put(canvas, 72, HEIGHT - 40, "Call 110 at night.", 11)

    twice = read_pdf(drawn(page, page), "a.pdf")
    assert texts(twice).count("Security") == 2
    once = read_pdf(drawn(page), "a.pdf")
    assert texts(once)[-1] == "Call 110 at night."
    assert once.warnings == []


def test_headings_have_levels_by_size_and_bold_ones_come_last() -> None:
    def page(canvas: Canvas) -> None:
        put(canvas, 72, 120, "Travel", 20)
        put(canvas, 72, 150, "Hotels", 15)
        put(canvas, 72, 180, "In Norway", 11, font="Helvetica-Bold")
        column(canvas, 72, 200, prose(0, 6))

    found = read_pdf(drawn(page), "a.pdf").elements
    assert [(e.text, e.level) for e in found if e.kind is ElementKind.TITLE] == [
        ("Travel", 1),
        ("Hotels", 2),
        ("In Norway", 3),
    ]
    assert [e.kind for e in found][-1] is ElementKind.TEXT


def test_lists_lose_their_bullets_and_keep_their_numbers() -> None:
    def page(canvas: Canvas) -> None:
        put(canvas, 72, 120, "\u2022")
        put(canvas, 90, 120, "the first point of the list runs on")
        put(canvas, 90, 133, "over a second line")
        put(canvas, 72, 146, "\u2022 the second point")
        put(canvas, 72, 159, "1. a numbered point")

    found = read_pdf(drawn(page), "a.pdf").elements
    assert [(e.kind, e.text) for e in found] == [
        (ElementKind.LIST_ITEM, "the first point of the list runs on over a second line"),
        (ElementKind.LIST_ITEM, "the second point"),
        (ElementKind.LIST_ITEM, "1. a numbered point"),
    ]


def ruled(canvas: Canvas) -> None:
    canvas.grid([72, 172, 272, 372], [HEIGHT - top for top in (150, 170, 190, 210)])
    for row, cells in enumerate((("City", "Rate", "Since"), ("Rome", "90", "2024"), ("Oslo", "120", "2025"))):
        for place, cell in enumerate(cells):
            put(canvas, 78 + 100 * place, 165 + 20 * row, cell)
    put(canvas, 72, 130, "The rates of this year are below, and hold for everybody.")


def aligned(canvas: Canvas) -> None:
    for row, cells in enumerate((("City", "Rate", "Since"), ("Rome", "90", "2024"), ("Oslo", "120", "2025"))):
        for place, cell in enumerate(cells):
            put(canvas, 78 + 100 * place, 165 + 14 * row, cell)
    put(canvas, 72, 130, "The rates of this year are below, and hold for everybody.")


@pytest.mark.parametrize("draw", [ruled, aligned])
def test_tables_have_rows_and_every_word_of_them_a_box(draw: Any) -> None:
    content = drawn(draw)
    intro, table = read_pdf(content, "a.pdf").elements
    assert intro.text == "The rates of this year are below, and hold for everybody."
    assert (table.kind, table.text) == (
        ElementKind.TABLE,
        "City: Rome | Rate: 90 | Since: 2024\nCity: Oslo | Rate: 120 | Since: 2025",
    )
    assert table.cells == (("City", "Rate", "Since"), ("Rome", "90", "2024"), ("Oslo", "120", "2025"))
    row = table.text.index("City: Oslo")
    assert words_under(content, table, row, len(table.text)).split() == ["City", "Oslo", "Rate", "120", "Since", "2025"]


def test_a_frame_around_text_is_not_a_table() -> None:
    def page(canvas: Canvas) -> None:
        canvas.rect(60, HEIGHT - 200, 400, 100)
        column(canvas, 72, 130, prose(0, 4))

    assert [e.kind for e in read_pdf(drawn(page), "a.pdf").elements] == [ElementKind.TEXT]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_the_boxes_of_any_span_hold_its_words(data: st.DataObject) -> None:
    lines = prose(data.draw(st.integers(0, 30)), 8, words=7)
    content = drawn(lambda canvas: column(canvas, 72, 150, lines, size=9))
    (element,) = read_pdf(content, "a.pdf").elements
    words = element.text.split()
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    start = len(" ".join(words[:first])) + (first > 0)
    end = len(" ".join(words[: last + 1]))
    assert words_under(content, element, start, end) == element.text[start:end]


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_pages_that_are_shown_turned_have_boxes_as_shown(turn: int) -> None:
    def page(canvas: Canvas) -> None:
        canvas.setPageRotation(turn)
        canvas.setFont("Helvetica", 11)
        canvas.drawString(72, 400, "A sentence on a page that is turned.")

    reading = read_pdf(drawn(page), "a.pdf")
    (element,) = reading.elements
    (box,) = boxes(element.lines, 0, len(element.text))
    size = reading.pages[0]
    assert (round(size.width), round(size.height)) == (595, 842)
    assert element.text == "A sentence on a page that is turned."
    middle = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
    assert (
        middle
        == {
            90: pytest.approx((403, 161), abs=6),
            180: pytest.approx((WIDTH - 161, 403), abs=6),
            270: pytest.approx((WIDTH - 403, HEIGHT - 161), abs=6),
        }[turn]
    )


def test_text_outside_of_the_visible_page_is_dropped_and_counted() -> None:
    def page(canvas: Canvas) -> None:
        put(canvas, 72, 100, "Seen by everybody.")
        put(canvas, -200, 100, "Unseen")

    reading = read_pdf(drawn(page), "a.pdf")
    assert texts(reading) == ["Seen by everybody."]
    assert reading.warnings == ["dropped: 6 letters outside of the visible page."]
    assert reading.left_out[OUTSIDE] == ["Unseen"]


def test_type_made_bold_by_drawing_it_twice_is_read_once() -> None:
    def page(canvas: Canvas) -> None:
        put(canvas, 72, 100, "Balloon")
        put(canvas, 72.3, 100, "Balloon")

    assert texts(read_pdf(drawn(page), "a.pdf")) == ["Balloon"]


def encrypted(user: str) -> bytes:
    from reportlab.lib.pdfencrypt import StandardEncryption

    encryption = StandardEncryption(user, ownerPassword="owner", canPrint=0, canCopy=0)
    return drawn(lambda canvas: put(canvas, 72, 100, "A secret plan."), encrypt=encryption)


def test_encrypted_files_open_with_a_configured_password_only() -> None:
    content = encrypted("swordfish")
    assert texts(read_pdf(content, "a.pdf", PdfOptions(passwords=("wrong", "swordfish")))) == ["A secret plan."]
    with pytest.raises(UnreadableDocument, match=r"a\.pdf is encrypted. Add its password to parsing.pdf_passwords"):
        read_pdf(content, "a.pdf")
    with pytest.raises(UnreadableDocument, match=r"None of parsing\.pdf_passwords opens it"):
        read_pdf(content, "a.pdf", PdfOptions(passwords=("wrong",)))
    assert "swordfish" not in repr(PdfOptions(passwords=("swordfish",)))


def test_a_password_of_the_owner_alone_does_not_keep_readers_out() -> None:
    assert texts(read_pdf(encrypted(""), "a.pdf")) == ["A secret plan."]


def test_blank_documents_and_blank_pages() -> None:
    blank = read_pdf(drawn(lambda canvas: None, lambda canvas: None), "a.pdf")
    assert (blank.elements, len(blank.pages)) == ([], 2)
    reading = read_pdf(drawn(lambda canvas: None, lambda canvas: put(canvas, 72, 100, "Text.")), "a.pdf")
    assert ([e.page for e in reading.elements], reading.warnings) == ([2], [])


def test_more_pages_than_may_be_are_refused() -> None:
    pages = [lambda canvas: put(canvas, 72, 100, "Text.")] * 3
    with pytest.raises(DocumentTooLarge, match=r"parsing\.max_pages = 2"):
        read_pdf(drawn(*pages), "a.pdf", PdfOptions(max_pages=2))


def test_a_file_full_of_objects_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.partitioning.pdf.document.MOST_OBJECTS", 3)
    with pytest.raises(DocumentTooLarge, match="more than 3 objects"):
        read_pdf(drawn(lambda canvas: put(canvas, 72, 100, "Text.")), "a.pdf")


def test_pages_that_hold_themselves_end() -> None:
    content = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[2 0 R 3 0 R]/Count 2>>endobj\n"
        b"3 0 obj<</Type/Pages/Kids[2 0 R]/Count 1>>endobj\ntrailer<</Root 1 0 R>>\n"
    )
    with pytest.raises((UnreadableDocument, EmptyDocument), match=r"a\.pdf"):
        read_pdf(content, "a.pdf")


def test_damaged_files_are_mended_or_refused_with_a_reason() -> None:
    content = drawn(lambda canvas: put(canvas, 72, 100, "Still legible."))
    broken = content.replace(b"startxref", b"startxxxx")
    assert texts(read_pdf(broken, "a.pdf")) == ["Still legible."]
    with pytest.raises(UnreadableDocument, match=r"a\.pdf can't be read as pdf; it is probably corrupt"):
        read_pdf(content[:60], "a.pdf")


def test_properties() -> None:
    stream = io.BytesIO()
    canvas = Canvas(stream)
    canvas.setTitle("Microsoft Word - travel.doc")
    canvas.setAuthor("Ann")
    put(canvas, 72, 100, "Text.")
    canvas.save()
    metadata = read_pdf(stream.getvalue(), "a.pdf").metadata
    assert (metadata.title, metadata.author) == ("", "Ann")
    assert metadata.created is not None
    assert metadata.created.tzinfo is not None
