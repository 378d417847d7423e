"""What a process needs to take requests in: shared commits, known keys, and counts."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from starlette.datastructures import State
from starlette.requests import Request

from crm.accounts import doors
from crm.accounts.actions import authenticate_key
from crm.accounts.deps import get_runtime
from crm.accounts.models import ApiKey, Clinic
from crm.core.database import Database
from crm.core.errors import Unauthenticated
from crm.core.grouping import Grouping
from crm.core.principal import Principal
from crm.core.runtime import Runtime
from crm.core.uow import UnitOfWork
from crm.web.language import _
from pipelines.intake import Accepted, IncomingRequest, accept_requests
from webhooks.intake.rates import Rates

SCOPE = "requests:write"
REMEMBERED = 20.0
"""Seconds that a key's clinic is remembered; whether the key still holds is asked each time."""

MOST_KEYS = 10_000

_making = threading.Lock()


@dataclass(frozen=True)
class Caller:
    """Whose API key a request came with, and how its clinic reads phone numbers."""

    clinic_id: UUID
    principal: Principal
    region: str
    language: str


@dataclass
class Desk:
    """Takes requests in for one process; those that arrive together share a commit."""

    database: Database
    rates: Rates
    least_fill_seconds: float
    _callers: dict[str, tuple[float, Caller]] = field(default_factory=dict)
    _grouping: Grouping[tuple[UUID, Principal], IncomingRequest, Accepted] = field(init=False)

    def __post_init__(self) -> None:
        self._grouping = Grouping(self._run)

    def accept(self, clinic_id: UUID, principal: Principal, request: IncomingRequest) -> Accepted:
        """Take one request in and return once it is committed.

        Raises Invalid, IdempotencyConflict, NoPipeline; Unauthenticated where the key was revoked.
        """
        assert request.person  # phones are read here, before a transaction waits for them
        return self._grouping.submit((clinic_id, principal), request)

    async def accepted(
        self, clinic_id: UUID, principal: Principal, request: IncomingRequest
    ) -> Accepted:
        """Take one request in as `accept` does, waiting for the commit without a thread."""
        assert request.person
        return await self._grouping.submitted((clinic_id, principal), request)

    def _run(
        self, key: tuple[UUID, Principal], requests: Sequence[IncomingRequest]
    ) -> list[Accepted]:
        clinic_id, principal = key
        with self.database.transaction(clinic_id, principal, step="intake") as uow:
            if principal.kind == "api_key":
                _assert_key_holds(uow, principal.id)
            return accept_requests(uow, requests)

    def remembered(self, raw_key: str) -> Caller | None:
        """Return whose key this is, if it was asked for a moment ago; waits for nothing."""
        found = self._callers.get(doors.hash_key("api_key", raw_key))
        return found[1] if found is not None and time.monotonic() < found[0] else None

    def look_up(self, raw_key: str) -> Caller:
        """Ask whose key this is. Raises Unauthenticated, Forbidden."""
        opened = authenticate_key(self.database, raw_key, SCOPE)
        with self.database.transaction(opened.clinic_id, opened.principal) as uow:
            clinic = uow.session.get(Clinic, opened.clinic_id)
            assert clinic is not None
            caller = Caller(opened.clinic_id, opened.principal, clinic.region, clinic.language)
        if len(self._callers) >= MOST_KEYS:
            self._callers.clear()
        hashed = doors.hash_key("api_key", raw_key)
        self._callers[hashed] = (time.monotonic() + REMEMBERED, caller)
        return caller


def _assert_key_holds(uow: UnitOfWork, key_id: UUID | None) -> None:
    key = uow.session.get(ApiKey, (uow.clinic_id, key_id))
    is_over = key is None or key.revoked_at is not None or SCOPE not in key.scopes
    if is_over or (key and key.expires_at is not None and key.expires_at <= uow.now):
        raise Unauthenticated(_("The API key is not valid."))


def desk_of(request: Request) -> Desk:
    """Return the application's desk, made when the first request comes."""
    state: State = request.app.state
    desk = getattr(state, "desk", None)
    if desk is None:
        with _making:
            desk = getattr(state, "desk", None) or _desk(get_runtime(request))
            state.desk = desk
    assert isinstance(desk, Desk)
    return desk


def _desk(runtime: Runtime) -> Desk:
    settings = runtime.settings
    return Desk(runtime.database, Rates(settings), settings.least_fill_seconds)
