"""What the doors show: derived from a row and its relatives, never stored."""
