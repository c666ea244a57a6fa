"""The mapping service."""
