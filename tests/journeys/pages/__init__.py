"""People at the pages: a real browser at the running estate."""
