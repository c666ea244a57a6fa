"""What can go wrong on the way to a page, in plain words; no HTTP here."""


class SignInNeeded(Exception):
    """Nobody is signed in, or no longer."""


class Forged(Exception):
    """The form did not come from a page of ours."""


class NotAllowed(Exception):
    """Who is signed in lacks the role, or the prison is not in their caseload."""


class NotThere(Exception):
    """There is no such page, prison or location."""


class SignInFailed(Exception):
    """The sign-in server refused, or what came back is not what we asked for."""
