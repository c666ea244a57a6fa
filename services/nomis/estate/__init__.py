"""Generates a NOMIS estate from a seed, as large and as odd as the real one, and edits it as screens would."""
