"""How answers and questions move from week to week: ``footnote eval drift``."""
