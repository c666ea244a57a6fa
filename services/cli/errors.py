"""What keeps a command from being carried out, with the exit code scripts can go by."""

from enum import IntEnum


class Exit(IntEnum):
    """Why a command ended. Typer itself ends with 2 when the words were wrong."""

    FINE = 0
    NOT_AS_WISHED = 1
    USAGE = 2
    REFUSED = 3
    UNAVAILABLE = 4


class NotConfigured(Exception):
    """Nothing says where a service is, or who we are."""


class NotAsWished(Exception):
    """The command was carried out and found, or ended with, what a script must not overlook."""
