"""Changes of locations: state, history, sync state and events commit together."""
