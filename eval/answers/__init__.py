"""What answers are worth."""
