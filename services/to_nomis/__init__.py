"""Publish: brings a change staff made in DPS to NOMIS (`docs/adr/0007-merge-walk.md`)."""
