"""What people agreed to with their request, written to the ledger with its evidence.

A tick beside its words agrees to texts. Whoever gives an email address with a request gives it for
being answered about that: an express consent to care by email, and to nothing else (LAW-1). An
opt-out of that address outlives it, for the list of those decides first.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm.compliance.actions import NewConsent, record_consents
from crm.compliance.wordings import Wording, find_wordings
from crm.contacts.actions import Matched
from crm.core.errors import N_, Invalid
from crm.core.uow import UnitOfWork
from pipelines.intake.arrived import ConsentIn, IncomingRequest

UNKNOWN_WORDING = N_("These words of consent are not known here; show the current ones.")


def record_ticked(
    uow: UnitOfWork, requests: Sequence[IncomingRequest], matched: Sequence[Matched]
) -> None:
    """Record what was ticked for the phones given, and the emails given; no tick says nothing.

    Raises Invalid where the words are said to be some that this clinic never published.
    """
    wordings = _wordings(uow, [request.data.consent for request in requests])
    record_consents(
        uow,
        [
            consent
            for request, one in zip(requests, matched, strict=True)
            for consent in _consents(request, one, wordings)
        ],
    )


def _wordings(uow: UnitOfWork, asked: Sequence[ConsentIn]) -> Mapping[UUID, Wording]:
    ids = [one for ticked in asked for one in (ticked.wording_id, ticked.marketing_wording_id)]
    named = [one for one in ids if one is not None]
    versions = [ticked.wording_version for ticked in asked if ticked.wording_version is not None]
    return find_wordings(uow, ids=named, versions=versions) if named or versions else {}


def _consents(
    request: IncomingRequest, matched: Matched, wordings: Mapping[UUID, Wording]
) -> Iterable[NewConsent]:
    ticked = request.data.consent
    care = _care(ticked, wordings)
    marketing = _marketing(ticked, wordings)
    given: dict[str, Any] = {
        "contact_id": matched.contact_id,
        "action": "granted",
        "source": request.channel,
        "evidence": {"request_id": str(request.id), **request.evidence},
    }
    email, phone = (matched.address_ids.get(kind) for kind in ("email", "phone"))
    if email is not None:
        yield NewConsent(address_id=email, channel="email", purpose="care", tier="express", **given)
    if phone is None:
        return
    shared: dict[str, Any] = {**given, "address_id": phone, "channel": "sms"}
    if ticked.sms_care:
        wording_id = care.id if care else None
        yield NewConsent(purpose="care", tier="express", wording_id=wording_id, **shared)
    if ticked.sms_marketing and marketing:
        yield NewConsent(purpose="marketing", tier="written", wording_id=marketing.id, **shared)


def _care(ticked: ConsentIn, wordings: Mapping[UUID, Wording]) -> Wording | None:
    if ticked.wording_id is None and ticked.wording_version is None:
        return None
    for wording in wordings.values():
        is_named = wording.id == ticked.wording_id or wording.version == ticked.wording_version
        if is_named and wording.purpose == "care":
            return wording
    raise Invalid(UNKNOWN_WORDING, field="consent.wording_id")


def _marketing(ticked: ConsentIn, wordings: Mapping[UUID, Wording]) -> Wording | None:
    if ticked.marketing_wording_id is None:
        return None
    wording = wordings.get(ticked.marketing_wording_id)
    if wording is None or wording.purpose != "marketing":
        raise Invalid(UNKNOWN_WORDING, field="consent.marketing_wording_id")
    return wording
