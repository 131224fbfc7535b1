"""Footnote beside other libraries on the same corpus, questions, model and OpenSearch: ``footnote bench peers``."""
