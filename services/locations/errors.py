"""What can be wrong, in the words of the domain. No HTTP here: `api.problems` has the table."""

from uuid import UUID

from libs.domain.counting import counted


class LocationNotFound(Exception):
    """Nobody knows this location, or it is of the wrong kind for what was asked."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Location {what} not found")


class LocationKeyTaken(Exception):
    """Another location of the prison has this path."""

    def __init__(self, key: str, holder: UUID) -> None:
        super().__init__(f"{key} is taken by location {holder}")
        self.holder = holder


class LocationGone(Exception):
    """The location was deleted; its id never comes back."""

    def __init__(self, location_id: UUID) -> None:
        super().__init__(f"Location {location_id} was deleted")


class SyncRefused(Exception):
    """An archived location, a converted or a holding cell takes no update from NOMIS."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key} is {why} and takes no update from NOMIS")


class SyncOff(Exception):
    """The prison has switched over: its NOMIS changes are not taken."""

    def __init__(self, prison_id: str) -> None:
        super().__init__(f"sync off: NOMIS changes of {prison_id} are not taken")


class ConflictNotFound(Exception):
    """No conflict has this id."""

    def __init__(self, conflict_id: int) -> None:
        super().__init__(f"There is no conflict {conflict_id}")


class NothingToChoose(Exception):
    """The conflict has no value that an edit of the location could bring back."""

    def __init__(self, field: str, key: str) -> None:
        super().__init__(f"{field}: no value to choose for {key}")


class HasChildren(Exception):
    """Locations stand below the one to delete."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} has locations below it")


class ParentNotAllowed(Exception):
    """A location below itself, or below another prison's."""


class FieldNotAllowed(Exception):
    """A field of a sync write that is unknown or has a value DPS cannot hold; names the field and the rule."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")


class VersionStale(Exception):
    """The location moved since it was read."""

    def __init__(self, now: str | None) -> None:
        super().__init__(f"The location is now {now}" if now else "The location exists already")


class CapacityNotAllowed(Exception):
    """A capacity that a rule forbids; `rule` names it, and the table of problems its code."""

    def __init__(self, rule: str, told: str) -> None:
        super().__init__(told)
        self.rule = rule


class LocationArchived(Exception):
    """A permanently deactivated location takes no change."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} is permanently deactivated")


class AlreadyInactive(Exception):
    """The location is out of use already, by itself or by one above it."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} is deactivated already")


class CannotReactivate(Exception):
    """A permanently deactivated location does not come back."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} is permanently deactivated and cannot be reactivated")


class ReasonMissing(Exception):
    """Reason OTHER says nothing without a description."""

    def __init__(self) -> None:
        super().__init__("deactivationReasonDescription: required with reason OTHER")


class HoldsPrisoners(Exception):
    """People are in it, or in a cell below it."""

    def __init__(self, key: str, people: int) -> None:
        super().__init__(f"{key} holds {counted(people, 'person', 'people')}")


class NotInCaseload(Exception):
    """The prison is not in the caller's caseload."""

    def __init__(self, prison_id: str) -> None:
        super().__init__(f"{prison_id} is not in your caseload")


class LocationBusy(Exception):
    """Others changed the same locations for longer than we wait; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("The location is being changed by others; nothing was changed, try again")


class SignedCapacityNotFound(Exception):
    """Nothing is signed for this prison."""

    def __init__(self, prison_id: str) -> None:
        super().__init__(f"No signed operational capacity of {prison_id} found")


class SignedCapacityAboveMaximum(Exception):
    """More people than the prison's cells hold cannot be signed for."""

    def __init__(self, prison_id: str, most: int) -> None:
        super().__init__(f"signedOperationCapacity: at most {most}, the maximum capacity of {prison_id}")


class LocationPrefixNotFound(Exception):
    """No such group is configured."""

    def __init__(self, group: str) -> None:
        super().__init__(f"No location prefix of group {group} found")


class UnknownElsewhere(Exception):
    """A service that we ask does not know the prison."""

    def __init__(self, prison_id: str) -> None:
        super().__init__(f"{prison_id} is not known to the services that count its people")


class CursorUnreadable(Exception):
    """What was given as a cursor is none."""

    def __init__(self) -> None:
        super().__init__("since: the value of `next` of an earlier page is expected")


class CursorExpired(Exception):
    """The tables were restored since the cursor was given; what came after it cannot be told any more."""

    def __init__(self) -> None:
        super().__init__("since: this cursor is of before a restore; begin anew, without one")
