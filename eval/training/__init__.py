"""Training a reranker of one's own, and letting the gate decide whether it is used."""
