"""Measuring Footnote: datasets, metrics, benchmarks."""
