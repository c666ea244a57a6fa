"""Which amendment of a column was the last: told by the values, as NOMIS's clock may be set back.

Each amendment leads from an old value to a new one, and together they are one walk from the first value to the present.
An amendment that leads to the present value can only be the last if the others, without it, still are one walk that
ends where it begins. Times say more only where they are further apart than the clock is ever set back.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from libs.domain.nomis import Amendment

SET_BACK_MAX = timedelta(minutes=2)
"""How far NOMIS's clock may be set back."""


def last_written(column: Sequence[Amendment], present: str) -> list[Amendment]:
    """Return the amendments of one column that may have written its present value; more than one: it cannot be told."""
    leading = [a for a in latest(column) if (a.new_value or "") == present]
    if not _is_one_walk(column, present):
        # Something is missing from the history: only times are left.
        return leading
    return [a for a in leading if _joined([b for b in column if b is not a], a.old_value or "")] or leading


def latest(column: Sequence[Amendment]) -> list[Amendment]:
    """Return the amendments that may be the last by their times, as far as NOMIS's clock can be trusted."""
    recent = max((a.amend_date_time for a in column), default=None)
    return [a for a in column if recent is not None and a.amend_date_time >= recent - SET_BACK_MAX]


def by_time(last: Sequence[Amendment], ours: str) -> Amendment:
    """Return the latest by its time; in the same second somebody else's."""
    return max(last, key=lambda a: (a.amend_date_time, a.amended_by != ours))


def _is_one_walk(column: Sequence[Amendment], end: str) -> bool:
    """Whether each value is left as often as it is reached, but for the first and the last."""
    over = Counter(a.new_value or "" for a in column)
    over.subtract(a.old_value or "" for a in column)
    uneven = {value: count for value, count in over.items() if count}
    return not uneven or (uneven.get(end) == 1 and sorted(uneven.values()) == [-1, 1])


def _joined(others: Sequence[Amendment], end: str) -> bool:
    """Whether the others are one piece to which `end` belongs."""
    reached, left = {end}, [*others]
    while left:
        near = [a for a in left if reached & {a.old_value or "", a.new_value or ""}]
        if not near:
            return False
        reached |= {value or "" for a in near for value in (a.old_value, a.new_value)}
        left = [a for a in left if a not in near]
    return True
