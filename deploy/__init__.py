"""Running Footnote: the local OpenSearch node."""
