"""A whole installation whose parts are killed, frozen, filled and cut off while it is used."""
