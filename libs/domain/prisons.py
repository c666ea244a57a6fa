"""Which agencies take part: the one list of those that migration counts as skipped and everything else leaves alone."""

import re

# Ghost, unknown, transfer, the two "local" pseudo-agencies and outside. ALI is a closed prison like others.
IGNORED_AGENCIES = frozenset({"ZZGHI", "UNKNWN", "TRN", "LT3", "LT4", "OUT"})

# What the locations API accepts; the whole string must match.
PRISON_ID = re.compile(r"[A-Z]{2}I|ZZGHI")


def is_ignored(prison_id: str | None) -> bool:
    """Whether this agency's rows stay in NOMIS only."""
    return prison_id in IGNORED_AGENCIES
