"""Runs the embedded stack on one machine: Valkey, the Celery worker with its schedule, and the API."""
