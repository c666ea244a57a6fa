"""Filter policies over message attributes, as far as our topology uses them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any


def matches(policy: Mapping[str, Sequence[Any]], attributes: Mapping[str, str]) -> bool:
    """Tell whether a message passes: each key must, by one of its rules."""
    return all(any(_passes(rule, attributes.get(key)) for rule in rules) for key, rules in policy.items())


def _passes(rule: Any, value: str | None) -> bool:
    match rule:
        case {"exists": bool(wanted)}:
            return wanted is (value is not None)
        case {"anything-but": list(refused)}:
            return value is not None and value not in refused
        case {"prefix": str(prefix)}:
            return value is not None and value.startswith(prefix)
        case str():
            return value == rule
        case _:
            raise NotImplementedError(f"filter rule {rule}")
