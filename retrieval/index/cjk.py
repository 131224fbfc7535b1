"""Chinese, Japanese and Korean text for an index that splits words at spaces.

These scripts put no spaces between words. Every two neighbouring characters are searched as a word of their own, as
Lucene's CJKAnalyzer does: it needs no dictionary, and what a question and a text have in common is found.
OpenSearch has a filter for it; this is the same for the embedded index.
"""

from __future__ import annotations

import re
import unicodedata

_IDEOGRAPHS = "\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_KANA = "\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
_HANGUL = "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
_RUN = re.compile(f"[{_IDEOGRAPHS}{_KANA}{_HANGUL}]+")
_OTHER_WIDTH = re.compile("[\uff01-\uff5e\uff66-\uff9f]+")
"""Latin letters as wide as ideographs, and kana half as wide: the same characters, written for other terminals."""


def with_bigrams(text: str) -> str:
    """The text with each run of these characters as its pairs, between spaces; a single one stays as it is.

    ``"情報技術 AI"`` gives ``" 情報 報技 技術  AI"``. Other text is left alone.
    """
    return _RUN.sub(_pairs, _OTHER_WIDTH.sub(_folded, text))


def _pairs(run: re.Match[str]) -> str:
    characters = run.group()
    pairs = (characters[at : at + 2] for at in range(max(1, len(characters) - 1)))
    return f" {' '.join(pairs)} "


def _folded(run: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", run.group())
