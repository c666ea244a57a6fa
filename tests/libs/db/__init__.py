"""The database kit."""
