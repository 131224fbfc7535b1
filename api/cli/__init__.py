"""The ``footnote`` command: a thin client of the HTTP service, and the switch of the embedded stack."""
