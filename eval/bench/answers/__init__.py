"""What answers cost, and what is checked of them."""
