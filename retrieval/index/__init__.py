"""The search index: the port and its adapters."""
