"""The staff UI without a browser: its pure parts, and its doors while the APIs are away."""
