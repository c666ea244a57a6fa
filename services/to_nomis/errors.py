"""What can be wrong with a wish of an operator."""

from uuid import UUID

from libs.domain.counting import counted


class LocationNotFound(Exception):
    """DPS does not know this location."""

    def __init__(self, location_id: UUID) -> None:
        super().__init__(f"Location {location_id} not found")


class TooManyLocations(Exception):
    """More locations stand below than one repair may touch."""

    def __init__(self, found: int, most: int) -> None:
        super().__init__(f"{counted(found, 'location')} to repair, at most {most} in one call")
