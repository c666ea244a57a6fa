"""How fast it is, beside what else one could do, in the same run: `make bench`, `docs/performance.md`."""
