"""How often one caller may ask: a bucket for each, so that one that runs away leaves room for the others."""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable

from libs.web.limits import RateLimits
from libs.web.problems import TooManyRequests


class Rates:
    """Counts what each caller asks of this process.

    A bucket is one number: the moment at which it is full again. Those not heard of for longest are forgotten first;
    a forgotten one is full, as it nearly always is by then.
    """

    def __init__(self, limits: RateLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._each = 1 / limits.requests_per_second
        self._full_after = limits.burst * self._each
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, caller: Hashable) -> None:
        """Let one request through. Raises TooManyRequests, which says when to come again."""
        now = self._clock()
        full_at = max(self._full_at.get(caller, now), now) + self._each
        over = full_at - now - self._full_after
        if over > 0:
            raise TooManyRequests(
                f"more than {self._limits.requests_per_second:g} requests a second",
                {"Retry-After": str(max(1, math.ceil(over)))},
            )
        self._full_at[caller] = full_at
        self._full_at.move_to_end(caller)
        if len(self._full_at) > self._limits.callers_max:
            self._full_at.popitem(last=False)
