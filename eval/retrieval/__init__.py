"""Offline evaluation of retrieval: run pipelines over judged questions, compare, gate, and keep the figures."""
