"""One suite for each port: the fake and the real thing pass the same sentences."""
