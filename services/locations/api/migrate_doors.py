"""The migrate door: `POST /migrate/locations/batch`, up to 500 locations, an outcome for each."""

from collections.abc import Sequence

from libs.domain.sync import MigrateBatch, MigrateOutcomes
from libs.web.routing import Needs, Route
from services.locations.changes.migrate import MigrateChanges

MIGRATE = Needs.role("ROLE_MIGRATE_LOCATIONS", scope="write")


class MigrateDoors:
    """The handlers."""

    def __init__(self, changes: MigrateChanges) -> None:
        self._changes = changes

    async def batch(self, body: MigrateBatch) -> MigrateOutcomes:
        """Create a page of locations; good ones are kept and each bad one is told why."""
        return MigrateOutcomes(outcomes=tuple(await self._changes.create(body.locations)))


def routes(doors: MigrateDoors) -> Sequence[Route]:
    """List the doors."""
    return (Route("POST", "/migrate/locations/batch", doors.batch, MIGRATE),)
