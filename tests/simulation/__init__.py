"""The real walk over fakes, under schedulers that decide every interleaving."""
