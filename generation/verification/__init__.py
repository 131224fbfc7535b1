"""Whether the sources say what an answer says: facts first, then how much of the rest they hold."""
