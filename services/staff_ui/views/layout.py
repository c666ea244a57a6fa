"""What every page has around it: the sections a person sees, the way back, the list of errors."""

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Protocol

OPERATOR_ROLES = frozenset(
    {
        "ROLE_MIGRATE_LOCATIONS",
        "ROLE_MIGRATION_ADMIN",
        "ROLE_QUEUE_ADMIN",
        "ROLE_RECONCILE_LOCATIONS",
        "ROLE_SWITCH_OVER_LOCATIONS",
    }
)
OPERATIONS = "/operations"


class Step(Protocol):
    """One step of the way back."""

    text: str
    href: str


class Fault(Protocol):
    """One thing wrong with a form: the id of its field, empty for the whole, and a sentence."""

    field: str
    text: str


def sections(roles: Collection[str], path: str) -> list[dict[str, object]]:
    """List the parts of the service that a person with these roles sees."""
    in_operations = path.startswith(OPERATIONS)
    shown: list[dict[str, object]] = [{"text": "Prisons", "href": "/", "active": not in_operations}]
    if not OPERATOR_ROLES.isdisjoint(roles):
        shown.append({"text": "Operations", "href": OPERATIONS, "active": in_operations})
    return shown


def crumb_items(steps: Iterable[Step]) -> list[dict[str, str]]:
    """Write the way back as the macro takes it."""
    return [{"text": step.text, "href": step.href} for step in steps]


def error_items(faults: Iterable[Fault]) -> list[dict[str, str]]:
    """Write the error summary as the macro takes it; each links to its field."""
    return [{"text": fault.text} | ({"href": f"#{fault.field}"} if fault.field else {}) for fault in faults]


FUNCTIONS: Mapping[str, Callable[..., object]] = MappingProxyType(
    {"sections": sections, "crumb_items": crumb_items, "error_items": error_items}
)
