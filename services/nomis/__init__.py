"""Stands in for NOMIS: its internal-location tables, the Prisoner API's locations endpoints, and its event relay."""
