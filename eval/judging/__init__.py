"""Models that judge answers, and people beside them who say what their judgments are worth."""
