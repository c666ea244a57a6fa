"""Logs of a run that may last for days are kept within a size."""

import shutil
from pathlib import Path


def cut(file: Path, bytes_max: int) -> bool:
    """Move what was written so far aside when it is too much. Writers append, so they go on at the new beginning."""
    if not file.exists() or file.stat().st_size <= bytes_max:
        return False
    shutil.copyfile(file, file.with_name(file.name + ".1"))
    file.with_name(file.name + ".1").chmod(0o600)
    # What is written between the copy and this is lost: the price of not standing between a child and its log.
    with file.open("r+b") as opened:
        opened.truncate(0)
    return True
