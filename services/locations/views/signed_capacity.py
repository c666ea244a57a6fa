"""What is signed for a prison, as `/signed-op-cap` shows it."""

from services.locations.views.derived import Fields
from services.locations.views.location import Json, local


def signed(row: Fields) -> Json:
    """Return it with by whom and when."""
    return {
        "signedOperationCapacity": row["signed_operation_capacity"],
        "prisonId": row["prison_id"],
        "whenUpdated": local(row["when_updated"]),
        "updatedBy": row["updated_by"],
    }
