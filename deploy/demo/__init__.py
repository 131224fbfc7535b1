"""The demo knowledge base: documents of an invented company, and what builds the binary ones."""
