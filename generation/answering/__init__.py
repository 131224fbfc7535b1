"""The steps of an answer: writing, citations, quotes and their places, links, how it ended."""
