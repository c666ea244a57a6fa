"""Entity tags: what `If-Match` asks for, and how a version is quoted."""

import re
from dataclasses import dataclass

from libs.web.problems import ParameterInvalid, PreconditionFailed

TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


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


def if_match(header: str | None) -> IfMatch | None:
    """Parse an `If-Match` header; None when there is none. Weak tags never match (RFC 9110 §13.1.1)."""
    if header is None:
        return None
    if header.strip() == "*":
        return IfMatch(frozenset(), any=True)
    rest = TAG.sub("", header)
    found = TAG.findall(header)
    if not found or rest.replace(",", "").strip():
        raise ParameterInvalid('If-Match: quoted entity tags are expected, as in "42"')
    return IfMatch(frozenset(tag for weak, tag in found if not weak))


def entity_tag(version: object) -> str:
    """Quote a version as a strong entity tag."""
    return f'"{version}"'
