"""Answers without a model: sentences of the sources, word for word."""
