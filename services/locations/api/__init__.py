"""The doors of the locations API."""
