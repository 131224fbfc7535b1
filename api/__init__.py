"""The process's edges: the HTTP service, its page, and the command line."""
