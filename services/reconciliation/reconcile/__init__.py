"""What looks at both systems: the full run, and the second look at one suspect."""
