"""From passages to a cited answer: chat models, the prompt, citations, the extractive answerer."""
