"""Every SQL statement of the reconciliation service."""
