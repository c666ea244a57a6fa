"""The API documentation as a page."""
