"""How fast and how completely passages are found and taken in."""
