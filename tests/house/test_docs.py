"""What the pages point at is there: files, headings, commands of `lip`, targets of make."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from services.cli.app import app as lip
from tests.house.test_tidy import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def broken(page: Path) -> Iterator[str]:
    """Say which links of a page lead nowhere; those to other places are not followed."""
    for link in LINK.findall(FENCED.sub("", page.read_text())):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            yield f"{link}: no such file"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            yield f"{link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert list(broken(page)) == []


def test_a_link_to_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A head\n[a](#a-head) [b](#b) [c](gone.md) [d](https://example.org/x)\n")
    assert list(broken(page)) == ["#b: no such heading", "gone.md: no such file"]


def commands(page: Path) -> Iterator[list[str]]:
    text = page.read_text()
    for code in [
        *CODE.findall(FENCED.sub("", text)),
        *(line for block in FENCED.findall(text) for line in block.split("\n")),
    ]:
        if code.startswith("lip "):
            yield re.findall(r"[a-z-]+(?= |$)", code.split(" -")[0])[1:]


def unknown(words: list[str]) -> str | None:
    """Return the first word that is no command where a command must stand."""
    at: Any = get_command(lip)
    for word in words:
        known: Mapping[str, Any] | None = getattr(at, "commands", None)
        if known is None:
            return None
        if word not in known:
            return f"lip {' '.join(words)}: {word}"
        at = known[word]
    return None


def test_a_command_that_is_none_is_found() -> None:
    assert unknown(["reconcile", "run"]) is None
    assert unknown(["reconcile", "guess"]) == "lip reconcile guess: guess"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_lip_exists(page: Path) -> None:
    assert [told for words in commands(page) if (told := unknown(words))] == []


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z][a-z-]*)", page.read_text())}
    assert named - targets == set()


FILE = re.compile(r"^(?:services|libs|infra|tests|docs)/[\w./-]+\.\w+$")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = [code for code in CODE.findall(FENCED.sub("", page.read_text())) if FILE.match(code)]
    assert [name for name in named if not (ROOT / name).exists()] == []
