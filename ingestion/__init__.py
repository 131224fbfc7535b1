"""Keeping the index true to its sources: connectors, partitioning, chunking, catalog, Celery tasks."""
