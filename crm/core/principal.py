"""Who did it: a user, an automation, a provider, a patient, an API key or the system itself."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

Kind = Literal["user", "automation", "provider", "patient", "api_key", "system"]


@dataclass(frozen=True)
class Principal:
    """The kind and the id of who acts in a transaction."""

    kind: Kind
    id: UUID | None = None


SYSTEM = Principal("system")
PATIENT = Principal("patient")
