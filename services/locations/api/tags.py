"""The entity tag of a single location: its version for who edits it, and a digest for who has it already.

What a door shows of a location also depends on what stands above and below it, so the version alone would call two
answers the same that differ; an edit, on the other hand, is refused only when the location itself has moved.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

from libs.web.preconditions import Conditions, entity_tag
from libs.web.problems import ParameterInvalid
from libs.web.routing import JsonBytes, Reply

DIGEST_BYTES = 8


def location_tag(version: int, shown: bytes) -> str:
    """Return the quoted tag of an answer that shows one location at this version: `"7-5f1c…"`."""
    return entity_tag(f"{version}-{_digest(shown)}")


def list_tag(shown: bytes) -> str:
    """Return the quoted tag of an answer that shows many; it is good for asking again, not for editing."""
    return entity_tag(_digest(shown))


def _digest(shown: bytes) -> str:
    return blake2b(shown, digest_size=DIGEST_BYTES).hexdigest()


def tagged_answer(version: int, shown: Mapping[str, Any]) -> Reply[JsonBytes]:
    """Answer with one location, tagged."""
    body = JsonBytes(orjson.dumps(shown))
    return Reply(body, headers={"ETag": location_tag(version, body)})


def editable_versions(conditions: Conditions) -> frozenset[int] | None:
    """Return the versions of the location that an edit may start from, by `If-Match`; None: any that is there.

    Raises ParameterInvalid for a tag that no location has.
    """
    match = conditions.if_match
    if match is None or match.any:
        return None
    versions = {tag.partition("-")[0] for tag in match.tags}
    if not all(version.isdecimal() for version in versions):
        raise ParameterInvalid('If-Match: the entity tag of a location is expected, as in "7-5f1c2ab09d3e4f61"')
    return frozenset(int(version) for version in versions)
