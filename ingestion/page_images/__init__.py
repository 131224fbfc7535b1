"""Pages of documents as images."""
