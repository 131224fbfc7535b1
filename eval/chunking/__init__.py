"""Ways to cut documents against each other, and what an edit costs."""
