"""Ids of locations made by staff sort by when they were made; who stands aside is known by name."""

from functools import partial

from libs.domain.identity import is_aside_name, new_location_id

AT = 1_732_443_000_000_000_000


def test_an_id_is_of_version_seven_and_tells_its_millisecond() -> None:
    made = new_location_id(lambda: AT)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == AT // 1_000_000


def test_ids_sort_by_creation_also_within_a_millisecond() -> None:
    moments = range(AT, AT + 3_000_000, 1000)
    made = [new_location_id(partial(int, at)) for at in moments]
    assert made == sorted(made)


def test_an_aside_name_is_that_of_this_row_alone() -> None:
    assert is_aside_name("NWI-~70", 70)
    assert is_aside_name("NWI-~70~", 70)
    assert not is_aside_name("NWI-~700", 70)
    assert not is_aside_name("NWI-~70-001", 71)
