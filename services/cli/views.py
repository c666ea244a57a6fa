"""How answers are shown: tables for people, JSON for scripts; the same facts in both."""

import re
import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from rich.box import SIMPLE_HEAD as BOX
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from libs.domain.wire import LONDON

Columns = Mapping[str, str]
"""Heading by member of the answer; a member may be a path with dots."""

console = Console(highlight=False)
NUMBER = (int, float)
BETWEEN = 3
# With a fraction or a zone: a run's id looks like a moment and has neither.
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6}(Z|[+-]\d\d:\d\d)?|Z|[+-]\d\d:\d\d)")


def as_json(answer: Any) -> None:
    """Write an answer as the door gave it."""
    sys.stdout.buffer.write(orjson.dumps(answer, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def rows(title: str, answers: Sequence[Mapping[str, Any]], columns: Columns, broken: Collection[str] = ()) -> None:
    """Show answers as a table, one row each; what they hold is text and never markup.

    The first column names what a next command is told, so it is never broken; of which nothing is known has no column.
    Where a word would be broken, each answer is told by itself, a line for each fact; words of `broken` may be.
    """
    if not answers:
        console.print(f"{title}: none")
        return
    first, *_ = columns
    shown = [path for path in columns if path == first or any(_cell(each, path) for each in answers)]
    table = Table(box=BOX)
    for path in shown:
        known = [value for each in answers if (value := _at(each, path)) is not None]
        justify: JustifyMethod = "right" if known and all(_is_number(value) for value in known) else "left"
        table.add_column(columns[path], justify=justify, no_wrap=path == first, overflow="fold")
    for answer in answers:
        table.add_row(*(Text(_cell(answer, path)) for path in shown))
    if sum(_narrowest(answers, path, columns[path]) for path in shown if path not in broken) <= console.width:
        _titled(title, table)
        return
    say(title)
    for answer in answers:
        told = {path: columns[path] for path in shown if path != first}
        facts(f"{columns[first]} {_cell(answer, first)}", answer, told)


def facts(title: str, answer: Mapping[str, Any], columns: Columns) -> None:
    """Show one answer, a line for each fact it has."""
    table = Table(show_header=False, box=BOX)
    table.add_column()
    table.add_column(overflow="fold")
    for path, heading in columns.items():
        if text := _cell(answer, path):
            table.add_row(heading, Text(text))
    _titled(title, table)


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
    if isinstance(value, (str, float)):
        return _moment(value) if isinstance(value, str) and MOMENT.fullmatch(value) else str(value)
    if isinstance(value, list) and not any(isinstance(each, (dict, list)) for each in value):
        return ", ".join(str(each) for each in value)
    return orjson.dumps(value).decode() if value else ""


def _narrowest(answers: Sequence[Mapping[str, Any]], path: str, heading: str) -> int:
    """Return how narrow a column may be, with what stands between it and the next."""
    return BETWEEN + max(
        len(word) for text in (heading, *(_cell(each, path) for each in answers)) for word in text.split()
    )


def _titled(title: str, table: Table) -> None:
    """Put the title above: as the table's own it would be cut to the table's width."""
    console.print(Text(title, style="bold"))
    console.print(table)


def _cell(answer: Mapping[str, Any], path: str) -> str:
    value = _at(answer, path)
    # A number that names something is no amount.
    return str(value) if path.lower().endswith("id") and isinstance(value, int) else word(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, NUMBER) and not isinstance(value, bool)


def _moment(text: str) -> str:
    """Write a moment to the second, on London's clock where it says its own."""
    moment = datetime.fromisoformat(text)
    return f"{moment.astimezone(LONDON) if moment.tzinfo else moment:%Y-%m-%d %H:%M:%S}"


def _at(answer: Mapping[str, Any], path: str) -> Any:
    found: Any = answer
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
