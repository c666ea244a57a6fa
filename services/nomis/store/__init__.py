"""Every SQL statement of this service but its schema."""
