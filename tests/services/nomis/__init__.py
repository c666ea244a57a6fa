"""The NOMIS stand-in."""
