"""How many of something, as people read it."""


def counted(value: int, one: str, many: str = "") -> str:
    """Write how many of something: "1 cell", "2 cells"; `many` where it is not `one` with an s."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"
