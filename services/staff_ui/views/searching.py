"""Finds locations by what people type: part of a key or of a local name."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.staff_ui.views.location import Place


def matching(locations: Sequence[Mapping[str, Any]], wanted: str) -> list[Place]:
    """Return those whose key or local name has the text in it; those that begin with it come first."""
    text = wanted.casefold()
    found = [each for each in locations if text in each["key"].casefold() or text in _name(each)]
    found.sort(key=lambda each: not (_begins(each, text)))
    return [Place(each) for each in found]


def _name(location: Mapping[str, Any]) -> str:
    return str(location.get("localName") or "").casefold()


def _begins(location: Mapping[str, Any], text: str) -> bool:
    path = str(location["pathHierarchy"]).casefold()
    return path.startswith(text) or str(location["key"]).casefold().startswith(text) or _name(location).startswith(text)
