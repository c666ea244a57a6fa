"""What the read doors ask: each answer is one consistent look at the database, of a fixed number of statements."""
