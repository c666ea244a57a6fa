"""How answers are shown: tables for people, JSON for scripts; the same facts in both."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

Columns = Mapping[str, str]
"""Heading by member of the answer; a member may be a path with dots."""

console = Console(highlight=False)
NUMBER = (int, float)


def as_json(answer: Any) -> None:
    """Write an answer as the door gave it."""
    sys.stdout.buffer.write(orjson.dumps(answer, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def rows(title: str, answers: Sequence[Mapping[str, Any]], columns: Columns) -> None:
    """Show answers as a table, one row each; what they hold is text and never markup."""
    if not answers:
        console.print(f"{title}: none")
        return
    table = Table(title=title, title_justify="left")
    for path, heading in columns.items():
        table.add_column(heading, justify="right" if isinstance(_at(answers[0], path), NUMBER) else "left")
    for answer in answers:
        table.add_row(*(Text(word(_at(answer, path))) for path in columns))
    console.print(table)


def facts(title: str, answer: Mapping[str, Any], columns: Columns) -> None:
    """Show one answer, a line for each fact it has."""
    table = Table(title=title, title_justify="left", show_header=False)
    for path, heading in columns.items():
        if (value := _at(answer, path)) is not None:
            table.add_row(heading, Text(word(value)))
    console.print(table)


def say(sentence: str) -> None:
    """Tell a person something that no script needs."""
    console.print(Text(sentence))


def word(value: Any) -> str:
    """Write one value for a cell of a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, str | float):
        return str(value)
    return orjson.dumps(value).decode()


def _at(answer: Mapping[str, Any], path: str) -> Any:
    found: Any = answer
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
