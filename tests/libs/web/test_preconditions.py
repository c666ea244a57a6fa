"""`If-Match` as RFC 9110 has it."""

import pytest

from libs.web.preconditions import entity_tag, if_match
from libs.web.problems import ParameterInvalid, PreconditionFailed


def test_no_header_is_no_condition() -> None:
    assert if_match(None) is None


@pytest.mark.parametrize(
    ("header", "tag", "allowed"),
    [
        ('"7"', "7", True),
        ('"6", "7"', "7", True),
        ('"6"', "7", False),
        ('W/"7"', "7", False),
        ("*", "7", True),
        ("*", None, False),
        ('"7"', None, False),
    ],
)
def test_a_condition_allows_the_versions_it_names(header: str, tag: str | None, *, allowed: bool) -> None:
    condition = if_match(header)
    assert condition is not None
    assert condition.allows(tag) is allowed


@pytest.mark.parametrize("header", ["7", "", '"7', '"7" x', "'7'"])
def test_an_unreadable_header_is_told(header: str) -> None:
    with pytest.raises(ParameterInvalid, match="If-Match"):
        if_match(header)


def test_another_version_is_refused() -> None:
    condition = if_match(entity_tag(6))
    assert condition is not None
    condition.require("6")
    with pytest.raises(PreconditionFailed):
        condition.require("7")
