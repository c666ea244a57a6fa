"""The entity tag of a location says its version to who edits it, and changes with anything that is shown."""

import pytest

from libs.web.preconditions import Conditions
from libs.web.problems import ParameterInvalid
from services.locations.api.tags import editable_versions, location_tag


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
