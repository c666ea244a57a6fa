"""What can go wrong at the doors, as it goes over the wire, and who may come in."""

from types import MappingProxyType

from libs.web.problems import Problem
from libs.web.routing import Needs
from services.migration.errors import MigrationActive, MigrationNotFound, MigrationOver, NotVerified, WipeNotAllowed

MIGRATE = Needs.role("ROLE_MIGRATE_LOCATIONS")
ADMIN = Needs.role("ROLE_MIGRATION_ADMIN")

PROBLEMS = MappingProxyType(
    {
        MigrationNotFound: Problem(404, "Not found", user_prefix="Not Found: "),
        MigrationActive: Problem(409, "A migration is under way"),
        MigrationOver: Problem(409, "The migration is over"),
        NotVerified: Problem(404, "Not verified", user_prefix="Not Found: "),
        WipeNotAllowed: Problem(403, "Wipe not allowed"),
    }
)
