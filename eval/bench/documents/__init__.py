"""How documents are read: what gets lost, where quotes stand, what it costs."""
