"""Each page of the staff UI is looked at by axe in a journey: `looks` sees that the page is the template it names."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "services/staff_ui/templates"
JOURNEYS = ROOT / "tests/journeys/pages"
# Whoever extends it is a page of its own; the others are parts of pages.
PAGE = '{% extends "staff_ui/layout.html" %}'


def pages() -> set[str]:
    return {
        path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html") if PAGE in path.read_text("utf-8")
    }


def looked_at(source: str) -> Iterator[str]:
    """Name the templates that the journeys of a module look at."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr="looks"), args=[_, ast.Constant(value=str(template))]):
                yield template


def test_axe_looks_at_every_page() -> None:
    seen = {name for path in JOURNEYS.glob("test_*.py") for name in looked_at(path.read_text("utf-8"))}
    assert len(pages()) > 20
    assert pages() - seen == set(), "look at it in a journey: await person.looks(picture, template)"
    assert seen - pages() == set(), "no page is written of this template"
