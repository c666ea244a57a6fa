"""The entity tag of a location says its version to who edits it, and changes with anything that is shown."""

import asyncpg
import pytest

from libs.domain.codes import LocationType
from libs.web.preconditions import Conditions
from libs.web.problems import ParameterInvalid
from services.locations.api.tags import editable_versions, location_tag
from tests.conftest import MakeToken
from tests.services.locations.conftest import Client
from tests.services.locations.prison import at, cell, put, row


def test_an_edit_may_start_from_the_version_whatever_else_was_shown() -> None:
    tags = {location_tag(7, shown) for shown in (b'{"active":true}', b'{"active":false}')}
    assert len(tags) == 2
    assert {editable_versions(Conditions(if_match_header=tag)) for tag in tags} == {frozenset({7})}


@pytest.mark.parametrize("header", [None, "*"])
def test_without_a_tag_any_version_may_be_edited(header: str | None) -> None:
    assert editable_versions(Conditions(if_match_header=header)) is None


@pytest.mark.parametrize("header", ['"x-1"', '"-7"', "7"])
def test_a_tag_of_something_else_is_refused(header: str) -> None:
    with pytest.raises(ParameterInvalid, match="If-Match"):
        editable_versions(Conditions(if_match_header=header))


async def test_who_has_the_location_as_it_stands_is_told_so_and_not_sent_it_again(
    client: Client, store: "asyncpg.Connection[asyncpg.Record]", token: MakeToken
) -> None:
    await put(store, [row(1, "A", location_type=LocationType.WING), cell(2, "A-1", at("KTI", 1))])
    headers = {"Authorization": f"Bearer {token({'ROLE_VIEW_LOCATIONS'})}"}
    for path in (f"/locations/{at('KTI', 2)}", "/locations/key/KTI-A-1"):
        async with client.get(path, headers=headers) as answer:
            tag = answer.headers["ETag"]
            assert tag.startswith('"1-')
        async with client.get(path, headers=headers | {"If-None-Match": tag}) as answer:
            assert (answer.status, await answer.read(), answer.headers["ETag"]) == (304, b"", tag)
    # The cell's own row does not change when its wing is closed, but what is shown of it does.
    await store.execute("UPDATE location SET active = false WHERE code = 'A'")
    async with client.get(path, headers=headers | {"If-None-Match": tag}) as answer:
        assert (answer.status, (await answer.json())["deactivatedByParent"]) == (200, True)
