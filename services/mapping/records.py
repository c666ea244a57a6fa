"""What goes over this service's wire: structs, because its doors carry five hundred rows at a time.

The DPS id is any string here (the original never looked inside); elsewhere it is a UUID, see `libs.domain.mapping`.
"""

from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from libs.domain.mapping import MappingType
from libs.web.binding import told_by_struct

BATCH_MAX = 1000
PUBLIC_BATCH_MAX = 10_000
INT64_MAX = 2**63 - 1

DpsId = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
NomisId = Annotated[int, msgspec.Meta(ge=-INT64_MAX - 1, le=INT64_MAX)]
PathNomisId = Annotated[int, Field(ge=-INT64_MAX - 1, le=INT64_MAX)]
DpsIds = Annotated[list[DpsId], msgspec.Meta(max_length=BATCH_MAX)]
NomisIds = Annotated[list[NomisId], msgspec.Meta(max_length=BATCH_MAX)]
Label = Annotated[str, msgspec.Meta(max_length=20)]


class Struct(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """CamelCase names, nulls omitted."""


class Pair(Struct, frozen=True):
    """The two ids alone, as services outside the sync team see a mapping."""

    dps_location_id: DpsId
    nomis_location_id: NomisId


class NewMapping(Pair, frozen=True):
    """A mapping as somebody wishes to store it; `whenCreated` of a request is ignored."""

    mapping_type: MappingType
    label: Label | None = None


class Mapping(NewMapping, frozen=True):
    """A stored mapping; the time is London's, without zone."""

    when_created: str = ""


class Replacement(NewMapping, frozen=True, kw_only=True):
    """A wish to point a DPS location at another NOMIS one; names the NOMIS id it is believed to have now."""

    previous_nomis_location_id: NomisId


class Find(Struct, frozen=True):
    """Ids of one side."""

    dps_ids: DpsIds | None = None
    nomis_ids: NomisIds | None = None

    def __post_init__(self) -> None:
        if (self.dps_ids is None) == (self.nomis_ids is None):
            raise ValueError("Give either dpsIds or nomisIds")


class Outcome(Struct, frozen=True):
    """What became of one item of a batch."""

    outcome: Literal["created", "exists", "conflict", "invalid"]
    existing_by_dps_id: Mapping | None = None
    existing_by_nomis_id: Mapping | None = None
    reason: str | None = None


class PageQuery(BaseModel):
    """Spring's page parameters."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    page: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    size: Annotated[int, Field(ge=1, le=2**31 - 1)] = 10
    sort: tuple[str, ...] = ()


class PairsQuery(BaseModel):
    """Which pairs: those of NOMIS ids after one and up to another, in their order."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    after_nomis_id: PathNomisId = -INT64_MAX - 1
    up_to_nomis_id: PathNomisId = INT64_MAX
    size: Annotated[int, Field(ge=1, le=PUBLIC_BATCH_MAX)] = BATCH_MAX


class WipeQuery(BaseModel):
    """What to delete: everything, or what migration wrote."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    only_migrated: bool = False


class Sort(Struct, frozen=True, omit_defaults=False):
    """Spring's word on how a page is sorted."""

    empty: bool
    sorted: bool
    unsorted: bool


class Pageable(Struct, frozen=True, omit_defaults=False):
    """Spring's echo of the request for a page."""

    page_number: int
    page_size: int
    offset: int
    sort: Sort
    paged: bool = True
    unpaged: bool = False


class Page(Struct, frozen=True, omit_defaults=False):
    """Spring's page of mappings."""

    content: list[Mapping]
    pageable: Pageable
    total_elements: int
    total_pages: int
    number: int
    size: int
    number_of_elements: int
    first: bool
    last: bool
    empty: bool
    sort: Sort


def page_of(content: list[Mapping], total: int, query: PageQuery, size: int) -> Page:
    """Count what Spring counts."""
    sort = Sort(empty=not query.sort, sorted=bool(query.sort), unsorted=not query.sort)
    pages = -(-total // size)
    return Page(
        content=content,
        pageable=Pageable(query.page, size, query.page * size, sort),
        total_elements=total,
        total_pages=pages,
        number=query.page,
        size=size,
        number_of_elements=len(content),
        first=query.page == 0,
        last=query.page >= pages - 1,
        empty=not content,
        sort=sort,
    )


def parsed(wish: Any) -> NewMapping | Outcome:
    """Read one item of a batch, or say what is wrong with it."""
    try:
        return msgspec.convert(wish, NewMapping)
    except msgspec.ValidationError as invalid:
        return Outcome("invalid", reason=told_by_struct(str(invalid)))
