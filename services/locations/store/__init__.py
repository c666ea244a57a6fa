"""Every SQL statement of the locations service."""
