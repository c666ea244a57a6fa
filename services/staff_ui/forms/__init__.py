"""What people type, read and judged; pure."""
