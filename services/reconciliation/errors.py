"""What can be wrong with a wish of an operator, in the trade's words."""

from libs.domain.sync import Side


class RunNotFound(Exception):
    """No run has this id."""

    def __init__(self, run_id: int) -> None:
        super().__init__(f"There is no reconciliation run {run_id}")


class RunActive(Exception):
    """A run is under way: there is one at a time."""

    def __init__(self) -> None:
        super().__init__("A reconciliation run is under way; wait for its end")


class RunNotOver(Exception):
    """The run has not ended well, so its mismatches are not all known."""

    def __init__(self, run_id: int, status: str) -> None:
        super().__init__(f"Run {run_id} is {status}: its mismatches are known once it is COMPLETED")


class LeaseLost(Exception):
    """Another replica took the run over, because we were too slow."""


class LocationUnknown(Exception):
    """Neither side has it, and nothing links to it."""

    def __init__(self, side: Side, location_id: str) -> None:
        super().__init__(f"no location {location_id} of {side} on either side")
