"""PostgreSQL without an ORM: a pool that knows its limits, and numbered schema steps."""
