"""Entity tags: what `If-Match` and `If-None-Match` ask for, and how a version is quoted (RFC 9110 §8.8.3, §13.1)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from libs.web.problems import ParameterInvalid, PreconditionFailed

TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
# A compressed answer is another representation and carries a tag of its own; on the way in it means the same version.
CODED = "-gzip"


@dataclass(frozen=True, slots=True)
class IfMatch:
    """The strong tags a caller accepts, or any."""

    tags: frozenset[str]
    any: bool = False

    def allows(self, tag: str | None) -> bool:
        """Tell whether the present version (None: there is nothing) is one the caller accepts."""
        return tag is not None and (self.any or tag in self.tags)

    def require(self, tag: str | None) -> None:
        """Refuse with 412 unless the present version is accepted."""
        if not self.allows(tag):
            raise PreconditionFailed("If-Match does not name the present version")


@dataclass(frozen=True, slots=True)
class IfNoneMatch:
    """The tags a caller has already, weak or strong, or any."""

    tags: frozenset[str]
    any: bool = False

    def names(self, tag: str | None) -> bool:
        """Tell whether the caller has the present version (None: there is nothing) already."""
        return tag is not None and (self.any or tag in self.tags)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a request's headers ask of the version; a handler that asks for `conditions` gets this.

    Each property raises ParameterInvalid (400) where the header cannot be read.
    """

    if_match_header: str | None = None
    if_none_match_header: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Conditions":
        """Take the two headers of a request."""
        return cls(headers.get("If-Match"), headers.get("If-None-Match"))

    @property
    def if_match(self) -> IfMatch | None:
        """The versions that may be changed; None: any, or none at all."""
        return if_match(self.if_match_header)

    @property
    def if_none_match(self) -> IfNoneMatch | None:
        """The versions the caller has; None: the header is missing."""
        return if_none_match(self.if_none_match_header)

    def readable(self) -> "Conditions":
        """Return itself, or raise ParameterInvalid: a condition that nobody understood must not be passed over."""
        if_match(self.if_match_header)
        if_none_match(self.if_none_match_header)
        return self

    def require(self, tag: str | None) -> None:
        """Refuse a write with 412 unless both headers allow it; `tag` is the present version, None: there is nothing.

        Without the headers nothing is refused: the last write wins.
        """
        match, none_match = self.if_match, self.if_none_match
        if match is not None:
            match.require(tag)
        if none_match is not None and none_match.names(tag):
            raise PreconditionFailed("If-None-Match names the present version")


def if_match(header: str | None) -> IfMatch | None:
    """Parse an `If-Match` header; None when there is none. Weak tags never match (RFC 9110 §13.1.1)."""
    if header is None:
        return None
    if header.strip() == "*":
        return IfMatch(frozenset(), any=True)
    return IfMatch(frozenset(tag for weak, tag in _tags("If-Match", header) if not weak))


def if_none_match(header: str | None) -> IfNoneMatch | None:
    """Parse an `If-None-Match` header; None when there is none. Weak tags do match (RFC 9110 §13.1.2)."""
    if header is None:
        return None
    if header.strip() == "*":
        return IfNoneMatch(frozenset(), any=True)
    return IfNoneMatch(frozenset(tag for _, tag in _tags("If-None-Match", header)))


def _tags(name: str, header: str) -> list[tuple[bool, str]]:
    found = TAG.findall(header)
    if not found or TAG.sub("", header).replace(",", "").strip():
        raise ParameterInvalid(f'{name}: quoted entity tags are expected, as in "42"')
    return [(bool(weak), tag.removesuffix(CODED)) for weak, tag in found]


def entity_tag(version: object) -> str:
    """Quote a version as a strong entity tag."""
    return f'"{version}"'


def opaque(quoted: str) -> str:
    """Give what stands between the quotes of one tag of ours."""
    return quoted.removeprefix("W/").strip('"').removesuffix(CODED)


def coded(quoted: str) -> str:
    """Name the compressed form of a representation that has this tag."""
    return f'{quoted.removesuffix(chr(34))}{CODED}"'
