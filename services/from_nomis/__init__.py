"""Sync: brings a change made in NOMIS to DPS (`docs/adr/0007-merge-walk.md`)."""
