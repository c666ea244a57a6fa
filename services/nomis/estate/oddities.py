"""What is odd in real data, each with its rate: the one place to read them and to change them.

Numbers are those of `reference/nomis.md` §1.10, which says where each was seen; rates without a source there are ours.

| # | oddity | where it is made | rate below |
|---|---|---|---|
| 1 | usage rows of locations that do not exist | `usages.py` | `orphan_usage` |
| 2 | usage `OTH` beside or instead of `OTHER` | `usages.py` | 40 % only OTH, 20 % both |
| 3 | wings typed BLK or HBLK, landings typed TIER or LAN | `wings.py` | `block_type`, `tier_type` |
| 4 | profile codes that no reference data has | `profiles.py` | `junk_profile` |
| 5 | synonyms side by side: `NA` and `N/A`, `V` and `7` | `profiles.py` | `synonyms`, each pair |
| 6 | NON_ASSO_TYP profiles | `profiles.py` | `non_association` |
| 7 | HOU_UNIT_ATT `SAFE_CELL`, as DPS once wrote it | `profiles.py` | `safe_cell_word` |
| 8 | no or zero capacities; operational above maximum | `cells.py` | `over_capacity`, the rest as §4.4 |
| 9 | stored totals of wings and landings that are not the sum | `cells.py` | `wrong_total` |
| 10 | non-residential WINGs, residential AREAs, ROOMs | both layouts | every prison, `room_on_landing` |
| 11 | active with details, inactive without, inactive parents | `standing.py` | `leftover_*`, `inactive_*` |
| 12 | DESCRIPTION that is not the parent's plus the code | `blemishes.py` | `other_description_*` |
| 13 | codes with space, hyphen, underscore | `rooms.py` | most prisons |
| 14 | one code many times in a prison, or under one parent | `wings.py`, `blemishes.py` | `broken`, `same_code` |
| 15 | agencies that are no prisons | `prisons.json` | six |
| 16 | one ESTAB row per prison, with its lowest id and its name | `rooms.py` | every prison |
| 17 | visits rooted in VISITS or VISIT; none or two active in FEI and IWI | `rooms.py` | `visit_root` |
| 18 | free text in comments that says what a cell is | `cells.py` | `comment_cell` |
| 19 | no audit module name (NOMIS says '') | `blemishes.py` | `no_module` |
| – | VSIP rooms that the API itself made, with late ids | `rooms.py` | `vsip` |
| – | a parent younger than its children: its id is the higher one | `rooms.py` | with NEW_SOC_VIS |
| – | amendments: old = new, both null, label DESCRIPTION, twice in a second | `amendments.py` | `amendment_*` |
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rates:
    """The chance of each oddity, for each row that can have it."""

    orphan_usage: float = 0.002
    block_type: float = 0.03
    tier_type: float = 0.05
    junk_profile: float = 0.003
    synonyms: float = 0.002
    non_association: float = 0.005
    safe_cell_word: float = 0.002
    over_capacity: float = 0.001
    wrong_total: float = 0.10
    room_on_landing: float = 0.05
    leftover_cell: float = 0.005
    leftover_structure: float = 0.002
    leftover_room: float = 0.005
    inactive_no_date_cell: float = 0.03
    inactive_no_date_room: float = 0.20
    inactive_no_reason_cell: float = 0.12
    inactive_no_reason_room: float = 0.60
    other_description_cell: float = 0.001
    other_description_box: float = 0.003
    other_description_position: float = 0.02
    broken: float = 0.15
    same_code: float = 0.0002
    visit_root: float = 0.10
    comment_cell: float = 0.04
    no_module: float = 0.01
    vsip: float = 0.60
    amendment_unchanged: float = 0.02
    amendment_both_null: float = 0.005
    amendment_empty_text: float = 0.005
    amendment_raw_label: float = 0.001
    # About 120 among 355,000.
    amendment_twice: float = 120 / 355_000


RATES = Rates()
