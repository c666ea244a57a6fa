"""What may become what, decided without asking anybody."""
