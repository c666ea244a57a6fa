"""What can be wrong, in the words of NOMIS."""


class LocationUnknown(Exception):
    """No such location."""


class PrisonUnknown(Exception):
    """No such prison."""


class SwitchOff(Exception):
    """The prison's screens are on."""


class Refused(Exception):
    """A rule of the API is broken; the text names the value and the rule."""


class DatabaseRefused(Exception):
    """The database would not have it: a key taken, a text too long, a row locked for too long."""


class NotUnique(Exception):
    """One row was to be found and there are more."""


class SortUnknown(Exception):
    """A page is to be sorted by something a location does not have."""
