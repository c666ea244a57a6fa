"""The whole estate on one machine without Docker: each part a process of its own, started and watched from here."""
