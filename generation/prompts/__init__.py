"""What a chat model is told, and text made harmless for it."""
