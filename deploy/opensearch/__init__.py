"""A real OpenSearch node without Docker, for laptops and tests."""
