"""The only store of the link between a DPS location and a NOMIS one; it knows nothing else about either."""
