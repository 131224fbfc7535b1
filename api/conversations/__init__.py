"""Questions and answers that are kept for who asked, and what of them each reader may see."""
