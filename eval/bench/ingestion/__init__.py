"""Benchmarks of the catalog and of what works on it."""
