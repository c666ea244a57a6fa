"""Settings in, `app.run` out."""

import uvloop

from services.reconciliation.app import run
from services.reconciliation.settings import Settings

if __name__ == "__main__":
    uvloop.run(run(Settings()))
