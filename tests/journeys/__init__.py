"""Walks through the whole estate, every process running."""
