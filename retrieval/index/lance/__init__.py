"""The embedded index: BM25, vectors and filters in LanceDB, in a folder, without a service."""
