"""How a process tells what it does: one JSON event a line, and numbers to scrape."""
