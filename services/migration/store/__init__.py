"""Every SQL statement of the migration service, by subject."""
