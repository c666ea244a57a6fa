"""Migration: operators copy every NOMIS location into DPS, once, with a history of each run and exact accounts."""
