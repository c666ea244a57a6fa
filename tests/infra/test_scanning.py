"""The scans of `make check` find what they are for, and say it when they could not look."""

import subprocess
import sys
from pathlib import Path
from random import Random
from string import ascii_letters, ascii_uppercase, digits

from infra.scanning import Found, Scan, answered, node_packages, python_packages, told

BIN = Path(sys.executable).parent
HOLE = {"id": "PYSEC-2026-1", "fix_versions": ["2.0"], "aliases": [], "description": ""}


def scanned(folder: Path) -> int:
    words = (BIN / "gitleaks", "dir", "--no-banner", "--redact", folder)
    return subprocess.run(words, check=False, capture_output=True).returncode


def test_a_secret_in_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text('client_id = "to-nomis"\n')
    assert scanned(tmp_path) == 0
    # Made here: written out, this file would be found.
    chance = Random(7)
    key = "AKIA" + "".join(chance.choices(ascii_uppercase + "234567", k=16))
    secret = "".join(chance.choices(ascii_letters + digits, k=40))
    (tmp_path / "settings.py").write_text(f'aws_access_key_id = "{key}"\naws_secret_access_key = "{secret}"\n')
    assert scanned(tmp_path) == 1


def test_a_hole_is_named_with_the_release_that_mends_it() -> None:
    found = python_packages(
        {"dependencies": [{"name": "a", "version": "1.0", "vulns": [HOLE]}, {"name": "b", "version": "1", "vulns": []}]}
    )
    assert found == Found(("a 1.0: PYSEC-2026-1, mended in 2.0",), 2, 2)
    assert list(told("x", found)) == ["x: KNOWN HOLE: a 1.0: PYSEC-2026-1, mended in 2.0"]


def test_what_was_not_looked_at_is_said() -> None:
    away = {"name": "a", "skip_reason": "not found"}
    assert list(told("x", python_packages({"dependencies": [away]}))) == [
        "x: NOT LOOKED AT: the registry gave no advisories"
    ]
    some = {"dependencies": [away, {"name": "b", "version": "1", "vulns": []}]}
    assert list(told("x", python_packages(some))) == ["x: looked at 1 of 2 packages, nothing is known of the others"]
    assert node_packages({"message": "405 Method Not Allowed"}).looked == 0
    for words in (("false",), ("nowhere-to-be-found",), ("echo", "no json")):
        assert answered(Scan("x", words, python_packages)) == Found((), 0, 0)


def test_npm_is_read_too() -> None:
    answer = {
        "vulnerabilities": {"govuk-frontend": {"severity": "high"}},
        "metadata": {"dependencies": {"total": 3}},
    }
    assert node_packages(answer) == Found(("govuk-frontend: high",), 3, 3)
