"""Rate limits: how much one person, one key and one address may ask for."""
