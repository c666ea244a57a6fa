"""Turns a prison's screens off and on."""

from libs.db.pool import Database
from services.nomis.errors import PrisonUnknown, SwitchOff

# Waits for the screens' edits that are under way (schema/0003_triggers.sql).
LOCK_PRISON = "SELECT 1 FROM agency_locations WHERE agy_loc_id = $1 FOR NO KEY UPDATE"
INSERT = "INSERT INTO service_agency_switches (service_name, agy_loc_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
DELETE = "DELETE FROM service_agency_switches WHERE service_name = $1 AND agy_loc_id = $2"
IS_ON = "SELECT EXISTS (SELECT 1 FROM service_agency_switches WHERE service_name = $1 AND agy_loc_id = $2)"


class Switches:
    """The table of agency switches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def require_on(self, service: str, prison: str) -> None:
        """Raise SwitchOff unless the switch is on."""
        if not await self._database.fetchval(IS_ON, service, prison):
            raise SwitchOff(f"service {service} is not switched on for {prison}")

    async def turn_on(self, service: str, prison: str) -> None:
        """Turn it on; on already is done."""
        async with self._database.transaction() as tx:
            if await tx.fetchval(LOCK_PRISON, prison) is None:
                raise PrisonUnknown(f"Prison with id={prison} does not exist")
            await tx.execute(INSERT, service, prison)

    async def turn_off(self, service: str, prison: str) -> None:
        """Turn it off; off already is done."""
        await self._database.execute(DELETE, service, prison)
