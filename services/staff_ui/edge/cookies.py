"""Cookies of ours: one value each, however long, that only our own pages over our own address get to see."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

# Browsers keep 4,096 bytes of name, value and attributes.
PIECE = 3800
PIECES_MAX = 5


@dataclass(frozen=True)
class Cookies:
    """Reads and writes; over https their names say so (`__Host-`), and no other host can set them."""

    secure: bool

    def name(self, name: str, piece: int = 0) -> str:
        """Return the name on the wire."""
        return f"{'__Host-' if self.secure else ''}{name}{f'.{piece}' if piece else ''}"

    def read(self, sent: Mapping[str, str], name: str) -> str:
        """Put the pieces of a value together; empty when there is none."""
        pieces = (sent.get(self.name(name, piece), "") for piece in range(PIECES_MAX))
        return "".join(pieces)

    def write(self, response: web.StreamResponse, sent: Mapping[str, str], name: str, value: str) -> None:
        """Set it; pieces that an earlier, longer value had are removed. No value removes it."""
        pieces = [value[at : at + PIECE] for at in range(0, len(value), PIECE)]
        if len(pieces) > PIECES_MAX:
            raise ValueError(f"{name}: {len(value)} bytes are more than cookies hold")
        for number in range(PIECES_MAX):
            wire = self.name(name, number)
            if number < len(pieces):
                response.set_cookie(wire, pieces[number], path="/", secure=self.secure, httponly=True, samesite="Lax")
            elif wire in sent:
                response.del_cookie(wire, path="/", secure=self.secure, httponly=True, samesite="Lax")
