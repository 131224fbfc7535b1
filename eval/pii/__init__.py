"""Sentences with personal data in them, marked, and how much of it is found."""
