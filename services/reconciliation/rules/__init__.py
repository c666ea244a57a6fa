"""Pure: what differs between two sides, and what that is called."""
