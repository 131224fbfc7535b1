"""The catalog's schema, step by step; run by :func:`ingestion.catalog.build.open_catalog`."""
