"""The search index on OpenSearch: for production, and for a local node."""
