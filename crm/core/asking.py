"""Statements that are built once a process: whose clinic and which instant come with each use."""

from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import BindParameter, DateTime, Uuid, bindparam

from crm.core.uow import UnitOfWork


class Asking(Protocol):
    """Whose clinic a statement is for, and when: a transaction, or the `PLACES` kept for both."""

    @property
    def clinic_id(self) -> Any:
        """The clinic's id."""

    @property
    def now(self) -> Any:
        """The transaction's instant."""


@dataclass(frozen=True)
class _Places:
    clinic_id: BindParameter[Any]
    now: BindParameter[Any]

    def of(self, uow: UnitOfWork, **more: Any) -> dict[str, Any]:
        """Return what fills the places of a statement, and others of its own, when it is run."""
        return {self.clinic_id.key: uow.clinic_id, self.now.key: uow.now, **more}


PLACES = _Places(
    bindparam("asked_clinic_id", type_=Uuid()),
    bindparam("asked_now", type_=DateTime(timezone=True)),
)
"""Stands for a transaction in what builds a statement ahead of it."""
