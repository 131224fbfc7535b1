"""Sentences and words of a text."""
