"""Messages that no honest sender would send."""
