"""Who is asking: API keys, and the principal that a request speaks for."""
