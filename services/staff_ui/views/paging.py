"""Long lists, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

Row = TypeVar("Row")


@dataclass(frozen=True)
class Paging:
    """Which page of how many; `query` is what every link keeps."""

    path: str
    query: Mapping[str, str]
    page: int
    size: int
    total: int

    @property
    def last(self) -> int:
        """Return the number of the last page, 1 when there is nothing."""
        return max(1, -(-self.total // self.size))

    def url(self, page: int) -> str:
        """Return the address of a page."""
        return f"{self.path}?{urlencode({**self.query, 'page': page})}"

    def links(self) -> list[dict[str, object]]:
        """List the first, the last and those around the present page, as the macro takes them."""
        wanted = sorted({1, self.last, *range(max(1, self.page - 1), min(self.last, self.page + 1) + 1)})
        shown: list[dict[str, object]] = []
        for before, page in zip([0, *wanted], wanted, strict=False):
            if page - before > 1:
                shown.append({"ellipsis": True})
            shown.append({"number": page, "href": self.url(page), "current": page == self.page})
        return shown


def page_of(
    rows: Sequence[Row], wanted: str, size: int, path: str, query: Mapping[str, str]
) -> tuple[Sequence[Row], Paging]:
    """Cut one page out of all rows; a page that is not there becomes the nearest that is."""
    last = max(1, -(-len(rows) // size))
    page = min(max(int(wanted), 1), last) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 7 else 1  # noqa: PLR2004
    return rows[(page - 1) * size : page * size], Paging(path, query, page, size, len(rows))
