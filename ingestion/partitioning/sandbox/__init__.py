"""Child processes that read documents: pooled, shut in by the system, and killed when they take too long."""
