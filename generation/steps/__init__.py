"""The steps of an answer, in the order in which they are taken: rewrite, retrieve, select, write, verify."""
