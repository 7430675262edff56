"""A whole installation put away and brought back: database, files, signed checkpoints; keys apart from them."""
