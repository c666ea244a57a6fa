"""What a page shows, made of what the APIs answered; pure."""
