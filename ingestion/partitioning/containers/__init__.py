"""Files that hold files: archives and messages, whose members become documents of their own."""
