"""How search grows with the number of chunks: ``footnote bench scale``."""
