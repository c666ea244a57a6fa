"""How names are shown and sorted (`reference/locations-api.md` §2.2, §3.8)."""

import re
from string import digits

_RUNS = re.compile(r"[0-9]+|[^0-9]+")


def capitalised(name: str) -> str:
    """Lower-case each space-separated word and raise its first letter: "LANDING Z1" is shown as "Landing Z1"."""
    return " ".join(word[:1].upper() + word[1:].lower() for word in name.split(" "))


def natural(name: str) -> tuple[tuple[bool, int, str], ...]:
    """Return a sort key that puts 2 before 10, and 10 before 002: the longer run of digits is the greater.

    A run of digits and one of other characters stand as they do in plain text.
    """
    return tuple(_rank(run) for run in _RUNS.findall(name))


def _rank(run: str) -> tuple[bool, int, str]:
    if run[0] in digits:
        return False, len(run), run
    return run > digits, 0, run


def split_key(key: str) -> tuple[str, str] | None:
    """Split a key at its first hyphen into prison and path: prison ids hold none, codes may."""
    prison, hyphen, path = key.partition("-")
    return (prison, path) if hyphen and prison and path else None
