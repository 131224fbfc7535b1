"""Reordering the best candidates with a cross-encoder."""
