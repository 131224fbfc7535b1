"""Benchmarks, and what they share. A question that is answered leaves its figures in `docs/`, and its code goes."""
