"""Ids of locations made by staff sort by when they were made."""

from functools import partial

from libs.domain.identity import new_location_id

AT = 1_732_443_000_000_000_000


def test_an_id_is_of_version_seven_and_tells_its_millisecond() -> None:
    made = new_location_id(lambda: AT)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == AT // 1_000_000


def test_ids_sort_by_creation_also_within_a_millisecond() -> None:
    moments = range(AT, AT + 3_000_000, 1000)
    made = [new_location_id(partial(int, at)) for at in moments]
    assert made == sorted(made)
