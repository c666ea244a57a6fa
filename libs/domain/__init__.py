"""The published language: frozen models and pure functions that every service shares and that does no I/O."""
