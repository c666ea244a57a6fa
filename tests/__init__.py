"""The proof: the tree mirrors the rooms; a test's name is its sentence."""
