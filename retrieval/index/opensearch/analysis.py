"""How OpenSearch reads text for the lexical leg.

Lucene's own ``english`` analyzer was the start. It stops 33 words, and questions are made of others: what, which, how,
do, can. On long questions their scores drown the telling ones: measured on cisi, nDCG@10 .384 with Lucene's list,
.412 with Snowball's (docs/retrieval.md). Snowball's stemmer ("porter2") undoes fewer words wrongly than Porter's first
one, and words joined by punctuation are split, so that ``T-cell``, ``T cell`` and ``snake_case`` find each other.
"""

from __future__ import annotations

from typing import Any

ANALYZER = "footnote_english"

# Snowball's English list, and what Lucene's has beside it. Contractions go before words are split at apostrophes: the
# letters that would be left of them (t, s, d) are words of their own in "T cell" and "vitamin D".
_STOP_WORDS = """
a an the and but if or because as until while of at by for with about against between into through during before after
above below to from up down in out on off over under again further then once here there when where why how
all any both each few more most other some such no nor not only own same so than too very
i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself
it its itself they them their theirs themselves what which who whom this that these those
am is are was were be been being have has had having do does did doing
would should could ought can will
i'm you're he's she's it's we're they're i've you've we've they've i'd you'd he'd she'd we'd they'd
i'll you'll he'll she'll we'll they'll isn't aren't wasn't weren't hasn't haven't hadn't doesn't don't didn't
won't wouldn't shan't shouldn't can't cannot couldn't mustn't
let's that's who's what's here's there's when's where's why's how's
"""


def analysis() -> dict[str, Any]:
    """The analysis section of an index's settings."""
    return {
        "char_filter": {"footnote_apostrophes": {"type": "mapping", "mappings": ["\u2019=>'", "\u02bc=>'"]}},
        "filter": {
            "footnote_stop": {"type": "stop", "stopwords": _STOP_WORDS.split()},
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
                "filter": ["lowercase", "footnote_stop", "footnote_split", "asciifolding", "footnote_stemmer"],
            }
        },
    }
