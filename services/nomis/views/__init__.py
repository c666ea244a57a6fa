"""What goes out: Spring's pages and the events that other systems read."""
