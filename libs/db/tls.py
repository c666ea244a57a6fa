"""How a server that we talk to, a database or AWS, is known to be the one that it should be."""

import ssl
from pathlib import Path
from typing import Self

from pydantic import BaseModel, model_validator


class Tls(BaseModel, frozen=True):
    """As a setting it is JSON: `DATABASE_TLS={"required": true, "ca_file": "/etc/database-ca/ca.pem"}`.

    Required, no byte goes to a server whose certificate is not of that authority (without `ca_file`, of one that the
    machine trusts) or names another host. Else the DSN's `sslmode`, or the address's scheme, says whether there is any.
    """

    required: bool = False
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _not_for_nothing(self) -> Self:
        if self.ca_file is not None and not self.required:
            raise ValueError("ca_file: is used only where required is true")
        return self

    def context(self) -> ssl.SSLContext | None:
        """Return what to hold a server to, or None. Raises OSError for a file that cannot be read."""
        if not self.required:
            return None
        context = ssl.create_default_context(cafile=self.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context
