"""Scripts without spaces, with other full stops, and words without end."""

from __future__ import annotations

import unicodedata

import pytest

from core.metadata import Metadata
from core.settings import ChunkingSettings
from ingestion.chunking.model import ChunkedDocument
from ingestion.chunking.sentences import sentence_starts
from ingestion.chunking.structural import chunk
from ingestion.partitioning.port import Element, ElementKind, Partition


class Letters:
    """A token a letter or mark, as multilingual models count Chinese; none for white space."""

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [(at, at + 1) for at, letter in enumerate(text) if not letter.isspace()]

    def count(self, text: str) -> int:
        return len(self.offsets(text))


SETTINGS = ChunkingSettings(min_tokens=40, max_tokens=120, overlap=0)

SENTENCES = {
    "zh": "公司的年假为每年二十五天。申请须提前两周提交！未使用的假期可以结转吗？可以结转五天。",
    "ja": "年次休暇は年に二十五日です。申請は二週間前までに提出してください。繰り越しは五日までできます。",
    "ar": "الإجازة السنوية خمسة وعشرون يوما في السنة. هل يمكن ترحيل الأيام غير المستخدمة؟ نعم، حتى خمسة أيام. ",
    "hi": "वार्षिक अवकाश पच्चीस दिन का है। आवेदन दो सप्ताह पहले करना होगा। पाँच दिन आगे ले जाए जा सकते हैं। ",
    "de": "Die Urlaubsregelung gilt z. B. für alle. Am 3. Oktober ist frei! Auch für Dr. Meyer? Ja, für ihn auch. ",
}


def cut(text: str, language: str | None) -> ChunkedDocument:
    element = Element(kind=ElementKind.TEXT, text=text)
    return chunk(Partition(elements=(element,), metadata=Metadata(language=language)), Letters(), SETTINGS)


@pytest.mark.parametrize("language", SENTENCES)
def test_passages_begin_and_end_with_sentences(language: str) -> None:
    text = (SENTENCES[language] * 12).strip()
    document = cut(text, language)
    starts = {0, *sentence_starts(text, 0, len(text), language)}

    assert len(document.passages) > 2
    for passage in document.passages:
        assert passage.start in starts
        assert passage.end in starts | {len(text)}


def test_german_abbreviations_and_dates_do_not_end_a_sentence() -> None:
    text = SENTENCES["de"].strip()
    begun = [text[at:].split()[0] for at in sentence_starts(text, 0, len(text), "de")]

    assert begun == ["Am", "Auch", "Ja,"]


def test_offsets_are_exact_behind_characters_outside_the_basic_plane() -> None:
    text = "😀😀 One ends. 🎉 Two ends. é Three."

    assert [text[at:] for at in sentence_starts(text, 0, len(text), "en")] == ["🎉 Two ends. é Three.", "é Three."]


def test_a_compound_is_not_cut_where_it_fits() -> None:
    word = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
    text = " ".join([word] * 20)
    document = cut(text, "de")

    for passage in document.passages:
        assert set(text[passage.start : passage.end].split()) == {word}


def test_a_script_without_spaces_is_not_cut_between_a_letter_and_its_vowel() -> None:
    text = "วันลาพักร้อนประจำปีมีทั้งหมดยี่สิบห้าวันต่อปีและต้องยื่นคำขอล่วงหน้าสองสัปดาห์" * 12
    document = cut(text, "th")

    assert len(document.passages) > 2
    for passage in document.passages:
        assert not unicodedata.category(text[passage.start]).startswith("M")
