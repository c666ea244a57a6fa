"""The web kit."""
