"""Turning text into vectors: the port, windows, and the sentence-transformers adapter."""
