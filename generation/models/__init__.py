"""Chat models: the port and its adapters."""
