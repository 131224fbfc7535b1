"""Evidence models of one's own: does this sentence answer the question, does this passage support the statement.

Two small cross-encoders, one a task, trained by ``footnote train evidence`` from the packaged embedder;
docs/evidence.md says what they are worth.
"""
