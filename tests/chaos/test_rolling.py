"""Releases and credentials replaced while both sides edit: nothing fails, in any direction."""

import secrets
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from signal import SIGTERM
from zoneinfo import ZoneInfo

import aiohttp
import orjson
import pytest

from infra.local.roster import SERVICES, STAND_INS, ServiceSpec
from infra.local.settings import ROOT
from tests.chaos import releases
from tests.chaos.judging import Findings
from tests.chaos.rolling import Rolled, RollingPlan, rolled
from tests.chaos.site import Site
from tests.runbook import played, statements

# Minutes each; `make test-long`.
pytestmark = pytest.mark.long
[SIGN_IN] = (spec for spec in STAND_INS if spec.name == "sign_in")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return releases.unpacked(tmp_path / "before")


@pytest.fixture
def today() -> date:
    return datetime.now(ZoneInfo("Europe/London")).date()  # noqa: TID251 - a composition root of the tests


def nothing_failed(came: Rolled) -> None:
    assert came.failures == []
    assert [name for name in came.edits if name.endswith("no answer")] == []
    assert came.dead_lettered == {}
    assert came.migration["recordsListed"] == came.migration["recordsMigrated"] + came.migration["recordsSkipped"]
    assert came.comparison == "COMPLETED"
    assert came.equal
    assert came.findings == Findings([], [], [], came.findings.conflicts, came.findings.locations)


async def test_the_release_before_and_this_one_serve_side_by_side_and_nothing_fails(
    old: Path, today: date, tmp_path: Path
) -> None:
    first = [replace(spec, root=old) for spec in SERVICES]
    plan = RollingPlan(1, today, first, lambda spec: replace(spec, root=ROOT))
    nothing_failed(await rolled(plan, tmp_path, print))


async def test_a_release_is_rolled_back_on_the_tables_it_made_and_nothing_fails(
    old: Path, today: date, tmp_path: Path
) -> None:
    async def looked(site: Site) -> None:
        await played(site, "Roll back a release")

    # In the other order than the upgrade, as any will do.
    plan = RollingPlan(1, today, SERVICES[::-1], lambda spec: replace(spec, root=old), after=looked)
    nothing_failed(await rolled(plan, tmp_path, print))


class Rotation:
    """Second credentials beside the first ones, as the runbook has them made and the first ones taken away.

    `kept` is the file in which the estate keeps what its sign-in server knows.
    """

    LOGIN = "Rotate a database's password"

    def __init__(self, kept: Path) -> None:
        self.kept = kept
        self.specs = tuple(spec for spec in SERVICES if spec.client or (spec.database and spec.name != "nomis"))
        self.secrets = {f"{spec.client}-1": secrets.token_urlsafe(24) for spec in self.specs if spec.client}
        self.words = {spec.database: secrets.token_hex(24) for spec in self.specs if spec.database}
        self.dsns: dict[str, str] = {}
        kept.parent.mkdir()
        kept.write_bytes(orjson.dumps(self.secrets))

    def sql(self, database: str) -> list[list[str]]:
        """Read what the runbook has an administrator say."""
        roles = {"ROLE_NOW": database, "ROLE_NEXT": f"{database}_next", "PASSWORD_NEXT": self.words[database]}
        return statements(self.LOGIN, **roles)

    async def make(self, site: Site) -> None:
        """Make the second login of each database; the sign-in server has had the second secrets from the start."""
        for database, word in self.words.items():
            made, *_ = self.sql(database)
            async with site.estate.postgres.admin() as admin:
                for statement in made:
                    await admin.execute(statement)
            address = site.dsns[database].partition("@")[2]
            self.dsns[database] = f"postgresql://{database}_next:{word}@{address}"

    def change(self, spec: ServiceSpec) -> ServiceSpec:
        """Tell a service its second credentials."""
        told: dict[str, str] = {}
        if spec.client:
            told |= {"CLIENT_ID": f"{spec.client}-1", "CLIENT_SECRET": self.secrets[f"{spec.client}-1"]}
        if spec.database:
            told["DATABASE_URL"] = self.dsns[spec.database]
        return replace(spec, told=told)

    async def take_away(self, site: Site) -> None:
        """Close the first logins and forget the first secrets; who has only those is refused from now on."""
        for database in self.words:
            _, looked, closed = self.sql(database)
            async with site.estate.postgres.admin() as admin:
                assert [await admin.fetchval(each) for each in looked] == [0], database
                for statement in closed:
                    await admin.execute(statement)
        site.dsns.update(self.dsns)
        known = orjson.loads(self.kept.read_bytes())
        gone = {spec.client: known.pop(spec.client) for spec in self.specs if spec.client}
        await site.estate.leave(SIGN_IN)
        await site.estate.join(replace(SIGN_IN, told={"SIGN_IN_SECRETS": orjson.dumps(known).decode()}))
        assert {name: await asked(site, name, secret) for name, secret in gone.items()} == dict.fromkeys(gone, 401)
        # Who starts now has no token and no connection of before.
        for name in ("to_nomis-2", "from_nomis-2"):
            site.estate.kill(name, SIGTERM)
            await site.estate.wait_ready(name)
        await played(site, "Rotate a client's secret")


async def asked(site: Site, client: str, secret: str) -> int:
    """Ask for a token; give the status."""
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
    url = site.estate.endpoints["signIn"]["tokenUrl"]
    async with aiohttp.ClientSession() as session, session.post(url, data=form) as answer:
        return answer.status


async def test_secrets_and_passwords_are_changed_while_both_sides_edit_and_nothing_fails(
    today: date, tmp_path: Path
) -> None:
    rotation = Rotation(tmp_path / "estate" / "secrets.json")
    plan = RollingPlan(
        1,
        today,
        SERVICES,
        lambda spec: rotation.change(spec) if spec in rotation.specs else spec,
        before=rotation.make,
        after=rotation.take_away,
    )
    nothing_failed(await rolled(plan, tmp_path, print))
