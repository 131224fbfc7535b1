"""Searches and streams at a given rate, and the language model that they are measured with."""
