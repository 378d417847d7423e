"""Accepting appointment requests: a whole chunk in one transaction, each exactly once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm.contacts.actions import Matched, addresses_given, claim_addresses, match_at
from crm.contacts.queries import family_of
from crm.core.asking import PLACES
from crm.core.bulk import among, given, insert_rows
from crm.core.errors import N_, Invalid
from crm.core.grouping import Overtaken
from crm.core.uow import UnitOfWork
from pipelines.actions import NewLead, RequestedAgain, create_leads, request_again
from pipelines.errors import NoPipeline
from pipelines.intake.agreed import record_ticked
from pipelines.intake.arrived import IncomingRequest
from pipelines.models import AppointmentRequest, Lead, Pipeline, Stage

_requests: Any = AppointmentRequest.__table__  # type: ignore[attr-defined]
_leads: Any = Lead.__table__  # type: ignore[attr-defined]
_pipelines: Any = Pipeline.__table__  # type: ignore[attr-defined]
_stages: Any = Stage.__table__  # type: ignore[attr-defined]

_KNOWN = select(
    _requests.c.source,
    _requests.c.idempotency_key,
    _requests.c.body_hash,
    _requests.c.id,
    _requests.c.lead_id,
    _requests.c.contact_id,
).where(
    _requests.c.clinic_id == PLACES.clinic_id,
    given(_requests.c.source, "channels"),
    given(_requests.c.idempotency_key, "keys"),
)
_DEFAULT = (
    select(_pipelines.c.id)
    .join(_stages, _stages.c.pipeline_id == _pipelines.c.id)
    .where(
        _pipelines.c.clinic_id == PLACES.clinic_id,
        _stages.c.clinic_id == PLACES.clinic_id,
        _stages.c.kind == "open",
        _stages.c.removed_at.is_(None),
    )
    .order_by(_pipelines.c.is_default.desc(), _pipelines.c.position, _stages.c.position)
    .limit(1)
)


class IdempotencyConflict(Invalid):
    """The key came before, with another body; each request needs a key of its own."""

    code = "idempotency_conflict"
    title = N_("This key was used for another request")

    def __init__(self) -> None:
        super().__init__(
            N_("Use a new key for a new request, and the same key only to repeat one."),
            field="Idempotency-Key",
        )


@dataclass(frozen=True)
class Accepted:
    """What a request became; `is_repeat` tells that it had come before."""

    request_id: UUID
    lead_id: UUID
    contact_id: UUID
    is_repeat: bool = False


def accept_requests(uow: UnitOfWork, requests: Sequence[IncomingRequest]) -> list[Accepted]:
    """Keep requests raw, know or make their contacts, record consent, and put them on leads.

    A request whose key came before gets the first answer. A contact's open lead in the pipeline
    gets the request; otherwise there is a new lead. Raises IdempotencyConflict and Invalid, then
    for the whole chunk: nothing of it may be committed.
    """
    firsts = _first_of_each(requests)
    answers = _known_answers(uow, firsts.values())
    fresh = [request for key, request in firsts.items() if key not in answers]
    if fresh:
        answers |= _accept_fresh(uow, fresh)
    return [_answer(request, firsts, answers) for request in requests]


def _answer(
    request: IncomingRequest,
    firsts: Mapping[tuple[str, str], IncomingRequest],
    answers: Mapping[tuple[str, str], Accepted],
) -> Accepted:
    answer = answers[request.key]
    if answer.is_repeat or firsts[request.key] is request:
        return answer
    return Accepted(answer.request_id, answer.lead_id, answer.contact_id, is_repeat=True)


def _first_of_each(
    requests: Sequence[IncomingRequest],
) -> dict[tuple[str, str], IncomingRequest]:
    """Return the first request of each key. Raises IdempotencyConflict where bodies differ."""
    firsts: dict[tuple[str, str], IncomingRequest] = {}
    for request in requests:
        if firsts.setdefault(request.key, request).body_hash != request.body_hash:
            raise IdempotencyConflict
    return firsts


def _known_answers(
    uow: UnitOfWork, requests: Iterable[IncomingRequest]
) -> dict[tuple[str, str], Accepted]:
    """Return the first answers of keys that came before. Raises IdempotencyConflict."""
    asked = {request.key: request for request in requests}
    rows = uow.session.execute(
        _KNOWN,
        PLACES.of(
            uow,
            channels=sorted({channel for channel, _ in asked}),
            keys=sorted({key for _, key in asked}),
        ),
    )
    answers = {}
    for row in rows:
        request = asked.get((row.source, row.idempotency_key))
        if request is None:
            continue
        if row.body_hash != request.body_hash:
            raise IdempotencyConflict
        answers[request.key] = Accepted(row.id, row.lead_id, row.contact_id, is_repeat=True)
    return answers


def _accept_fresh(
    uow: UnitOfWork, requests: Sequence[IncomingRequest]
) -> dict[tuple[str, str], Accepted]:
    ids = claim_addresses(uow, addresses_given(request.person for request in requests))
    # A copy of a request that was being accepted elsewhere is visible now: it has its addresses,
    # and whoever held them has committed.
    answers = _known_answers(uow, requests)
    requests = [request for request in requests if request.key not in answers]
    if not requests:
        return answers
    matched = match_at(uow, [request.person for request in requests], ids)
    record_ticked(uow, requests, matched)
    lead_ids = _put_on_leads(uow, requests, matched)
    accepted = [
        Accepted(request.id, lead_id, one.contact_id)
        for request, one, lead_id in zip(requests, matched, lead_ids, strict=True)
    ]
    _keep(uow, requests, accepted)
    return answers | {
        request.key: answer for request, answer in zip(requests, accepted, strict=True)
    }


def _put_on_leads(
    uow: UnitOfWork, requests: Sequence[IncomingRequest], matched: Sequence[Matched]
) -> list[UUID]:
    """Put each request on the contact's open lead of its pipeline, or on a new one."""
    default = _default_pipeline(uow)
    placed = [
        (one.contact_id, request.pipeline_id or default)
        for request, one in zip(requests, matched, strict=True)
    ]
    open_leads = _lock_open_leads(
        uow, {one.contact_id for one in matched if not one.is_new}, {place[1] for place in placed}
    )
    created, again = [], []
    for request, place in zip(requests, placed, strict=True):
        if place in open_leads:
            again.append(RequestedAgain(open_leads[place], request.source, request.id))
            continue
        created.append(_new_lead(request, *place))
        open_leads[place] = created[-1].id
    create_leads(uow, created)
    if again:
        request_again(uow, again)
    return [open_leads[place] for place in placed]


def _new_lead(request: IncomingRequest, contact_id: UUID, pipeline_id: UUID) -> NewLead:
    return NewLead(
        contact_id=contact_id,
        pipeline_id=pipeline_id,
        source=request.source,
        campaign=request.data.campaign,
        landing_page=request.data.landing_page,
        service=request.data.service,
        request_id=request.id,
    )


def _default_pipeline(uow: UnitOfWork) -> UUID:
    """Return the pipeline into which leads go that name none. Raises NoPipeline."""
    found: UUID | None = uow.session.scalar(_DEFAULT, PLACES.of(uow))
    if found is None:
        raise NoPipeline
    return found


def _lock_open_leads(
    uow: UnitOfWork, contact_ids: set[UUID], pipeline_ids: set[UUID]
) -> dict[tuple[UUID, UUID], UUID]:
    """Lock the open leads of contacts and of whoever was merged into them; the latest counts."""
    if not contact_ids:
        return {}
    family = family_of(uow, sorted(contact_ids))
    rows = uow.session.execute(
        select(family.c.root, _leads.c.pipeline_id, _leads.c.id)
        .join(family, family.c.id == _leads.c.contact_id)
        .where(
            _leads.c.clinic_id == uow.clinic_id,
            _leads.c.stage_kind == "open",
            among(_leads.c.pipeline_id, sorted(pipeline_ids)),
        )
        .order_by(_leads.c.id)
        .with_for_update(key_share=True, of=_leads)
    )
    return {(row.root, row.pipeline_id): row.id for row in rows}


def _keep(
    uow: UnitOfWork, requests: Sequence[IncomingRequest], accepted: Sequence[Accepted]
) -> None:
    """Store the requests as they came, encrypted. Raises Overtaken where a key is taken."""
    rows = [
        {
            "clinic_id": uow.clinic_id,
            "id": request.id,
            "source": request.channel,
            "idempotency_key": request.idempotency_key,
            "body_hash": request.body_hash,
            "body": uow.encrypt(request.id, request.body),
            "form_id": request.form_id,
            "form_version": request.form_version,
            "contact_id": answer.contact_id,
            "lead_id": answer.lead_id,
            "received_at": uow.now,
        }
        for request, answer in zip(requests, accepted, strict=True)
    ]
    # In the order of the keys, so that two that share several wait for each other only once.
    rows.sort(key=lambda row: (row["source"], row["idempotency_key"]))
    kept = insert_rows(uow.session, _requests, rows, skip_known=True, returning=("id",))
    if len(kept) != len(rows):
        raise Overtaken
