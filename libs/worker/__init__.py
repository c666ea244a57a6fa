"""What every queue worker is made of: its settings, its consumer beside its doors, and how failures end a message."""
