"""Spoils rows that were laid out properly: descriptions off the pattern, one code twice under a parent, no module."""

from random import Random

from services.nomis.estate.cells import fill_cell
from services.nomis.estate.location import Kind, Location
from services.nomis.estate.oddities import RATES
from services.nomis.estate.site import Site


def spoil(site: Site) -> None:
    """Apply them; only rows without children get another description, as theirs would all differ too."""
    rng = site.chance("blemishes")
    for row in tuple(site.locations):
        if not row.children and rng.random() < _other_description(row):
            site.rename(row, _off_pattern(row, rng))
        if rng.random() < RATES.no_module:
            row.module = ""
        if row.kind is Kind.CELL and row.parent and rng.random() < RATES.same_code:
            _same_code(site, row, row.parent, rng)


def _other_description(row: Location) -> float:
    if row.kind is Kind.CELL:
        return RATES.other_description_cell
    if row.type in {"POSI", "TABL"}:
        return RATES.other_description_position
    return RATES.other_description_box if row.type in {"BOX", "SHEL"} else 0.0


def _off_pattern(row: Location, rng: Random) -> str:
    above = row.parent.description if row.parent else row.agency
    short = row.code.lstrip("0") or "0"
    return rng.choice(
        (
            f"{above}-{short}" if short != row.code else f"{above}-0{row.code}",
            f"{row.agency}-{row.code}-{row.id}",
            f"{above}--{row.code}",
            f"{above}{row.code}",
        )
    )


def _same_code(site: Site, row: Location, parent: Location, rng: Random) -> None:
    twin = site.add(Kind.CELL, f"{row.code[:10]}X", "CELL", parent)
    twin.code = row.code
    fill_cell(twin, site, rng, row.list_seq or 1, row.unit_type or "NA")
