"""The sign-off report of a verification: as JSON, and as a page that a person can sign."""

from collections.abc import Sequence

from aiohttp import web

from libs.web.routing import Reply, Route
from services.migration.api.problems import MIGRATE
from services.migration.errors import NotVerified
from services.migration.rules.signing import SignOff
from services.migration.store.reports import ReportStore
from services.migration.views import sign_off


class ReportDoors:
    """The handlers."""

    def __init__(self, reports: ReportStore) -> None:
        self._reports = reports

    async def report(self, migration_id: str) -> Reply[SignOff]:
        """Show the report of a verification, or of the latest one of a migration."""
        return Reply(await self._reports.sign_off(migration_id), headers={"Cache-Control": "no-store"})

    async def page(self, migration_id: str) -> web.Response:
        """Show the same report as a page that can be printed and signed."""
        report = await self._reports.sign_off(migration_id)
        return web.Response(text=sign_off.page(report), content_type="text/html", headers=sign_off.HEADERS)


def routes(doors: ReportDoors) -> Sequence[Route]:
    """List the doors."""
    path = "/migrate/locations/history/{migrationId}/report"
    missing = (NotVerified,)
    return (
        Route("GET", path, doors.report, MIGRATE, problems=missing, answers=SignOff, omit_none=False),
        Route("GET", f"{path}/page", doors.page, MIGRATE, problems=missing),
    )
