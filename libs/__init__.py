"""What the services are built from; no library knows a service."""
