"""``footnote eval``: the evaluation's commands. Named, not imported, by ``api/cli/main.py``."""
