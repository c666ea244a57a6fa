"""What can be wrong with a wish of an operator, in the trade's words."""


class MigrationNotFound(Exception):
    """No run has this id."""

    def __init__(self, migration_id: str) -> None:
        super().__init__(f"There is no migration {migration_id}")


class MigrationActive(Exception):
    """A run is under way: there is one at a time."""

    def __init__(self, migration_id: str) -> None:
        super().__init__(f"Migration {migration_id} is under way; wait for its end or cancel it")
        self.migration_id = migration_id


class IdTaken(Exception):
    """An ended run started in the same second, which is what names a run."""


class MigrationOver(Exception):
    """The run has ended in a way that this wish cannot change."""

    def __init__(self, migration_id: str, status: str) -> None:
        super().__init__(f"Migration {migration_id} is {status}; start a new one")


class NotVerified(Exception):
    """Neither is this a verification, nor has one looked at it."""

    def __init__(self, migration_id: str) -> None:
        super().__init__(f"There is no verification of {migration_id}")


class WipeNotAllowed(Exception):
    """The door that wipes is closed by a setting."""

    def __init__(self) -> None:
        super().__init__("Deleting the history is switched off (ALLOW_WIPE)")
