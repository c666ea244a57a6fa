"""What people are told when the locations API refuses: one sentence for each of its error codes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

# By `errorCode` (`reference/locations-api.md` §2.1), each with the field it is said at, where there is one.
BY_CODE: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        102: ("", "The service did not accept what you entered"),
        103: ("code", "A location with this code already exists here. Enter another code"),
        104: ("", "This location is permanently deactivated and cannot be reactivated"),
        106: ("working_capacity", "Working capacity cannot be 0 in a cell for normal accommodation"),
        107: ("", "This location is permanently deactivated and cannot be changed"),
        109: ("", "There are people in this location. Move them before you change it"),
        112: ("working_capacity", "Working capacity must be 99 or fewer"),
        113: ("max_capacity", "Maximum capacity must be 99 or fewer"),
        114: ("working_capacity", "Working capacity cannot be more than the maximum capacity"),
        115: ("max_capacity", "Maximum capacity must be more than 0"),
        116: ("signed_capacity", "Signed operational capacity cannot be more than the prison's maximum capacity"),
        117: ("max_capacity", "Maximum capacity cannot be less than the number of people in the cell"),
        118: ("description", "Enter a description of the reason"),
    }
)
BY_TYPE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "location-busy": ("", "Someone else is changing this location right now. Try again in a moment"),
        "location-deleted": ("", "This location was deleted"),
        "location-deactivated-already": ("", "This location is inactive already"),
        "parent-not-allowed": ("", "A location cannot be placed there"),
    }
)
UNKNOWN = "The service did not accept this change"


def told(body: Mapping[str, Any]) -> tuple[str, str]:
    """Return the field and the sentence for a refusal; what the table lacks is told in the API's own words."""
    named = str(body.get("type", "")).removeprefix("urn:problem-type:")
    known = BY_CODE.get(body.get("errorCode", 0)) or BY_TYPE.get(named)
    if known is None:
        return "", f"{UNKNOWN}: {body['developerMessage']}" if body.get("developerMessage") else UNKNOWN
    field, sentence = known
    if body.get("errorCode") == 102:  # noqa: PLR2004 - which names its field and rule
        return field, f"{sentence}: {body.get('developerMessage', '')}"
    return field, sentence
