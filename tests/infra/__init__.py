"""What runs the estate on one machine, tested with real processes."""
