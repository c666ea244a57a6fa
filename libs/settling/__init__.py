"""The merge walk that both workers run: bring one location to the same state on both sides, losing no edit."""
