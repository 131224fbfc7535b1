"""What ingestion sees in one file."""
