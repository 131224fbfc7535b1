"""A candidate configuration answers a share of the conversations, and is taken back when it is worse."""
