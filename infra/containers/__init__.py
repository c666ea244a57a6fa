"""The same estate in containers: what docker-compose.yml needs besides images."""
