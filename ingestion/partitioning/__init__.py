"""Reading documents: from bytes to elements of text with their place."""
