"""Sets of questions made from a knowledge base, checked by machine, and accepted or mended by people."""
