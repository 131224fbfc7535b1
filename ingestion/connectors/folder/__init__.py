"""Documents in a folder on this machine."""
