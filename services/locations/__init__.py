"""Locations Inside Prison: DPS's own record of every location, and what sync remembers of each (ADR 0007, ADR 0010)."""
