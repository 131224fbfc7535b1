"""How OpenSearch reads text for the lexical leg.

Lucene's own ``english`` analyzer was the start. It stops 33 words, and questions are made of others: what, which, how,
do, can. On long questions their scores drown the telling ones: measured on cisi, nDCG@10 .384 with Lucene's list,
.412 with Snowball's (docs/retrieval.md). Snowball's stemmer ("porter2") undoes fewer words wrongly than Porter's first
one, and words joined by punctuation are split, so that ``T-cell``, ``T cell`` and ``snake_case`` find each other.
Chinese, Japanese and Korean are searched by pairs of characters, as ``retrieval/index/cjk.py`` says.
"""

from __future__ import annotations

from typing import Any

from retrieval.index.phrases import STOP_WORDS

ANALYZER = "footnote_english"


def analysis() -> dict[str, Any]:
    """The analysis section of an index's settings."""
    return {
        "char_filter": {"footnote_apostrophes": {"type": "mapping", "mappings": ["\u2019=>'", "\u02bc=>'"]}},
        "filter": {
            "footnote_stop": {"type": "stop", "stopwords": sorted(STOP_WORDS)},
            # At punctuation only: "iPhone" and "B12" stay one word.
            "footnote_split": {
                "type": "word_delimiter_graph",
                "split_on_case_change": False,
                "split_on_numerics": False,
                "stem_english_possessive": True,
            },
            "footnote_stemmer": {"type": "stemmer", "language": "porter2"},
        },
        "analyzer": {
            ANALYZER: {
                "type": "custom",
                "char_filter": ["footnote_apostrophes"],
                "tokenizer": "standard",
                "filter": [
                    "cjk_width",
                    "lowercase",
                    "cjk_bigram",
                    "footnote_stop",
                    "footnote_split",
                    "asciifolding",
                    "footnote_stemmer",
                ],
            }
        },
    }
