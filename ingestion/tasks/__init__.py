"""What the workers do: list, parse, embed, delete, recover."""
