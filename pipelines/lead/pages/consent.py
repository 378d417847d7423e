"""What patients tell the clinic about texts: that they agree, and that they shall stop."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from crm.accounts.deps import ClinicUow, SignedIn, require
from crm.accounts.models import Language
from crm.compliance.actions import consent_told_staff, given_to_staff
from crm.compliance.wordings import default_wording
from crm.contacts.models import Contact
from crm.core.errors import N_, Invalid, NotFound
from crm.core.uow import UnitOfWork
from crm.messaging.actions import opt_out_told_staff
from crm.messaging.actions.opting_out import AskedBy
from crm.messaging.actions.queuing import CHANNELS_OF
from crm.web.forms import FormModel, OptionalText, Rejected, shows_again
from crm.web.language import _
from pipelines import queries
from pipelines.intake.by_hand import READ_AGAIN
from pipelines.lead.pages.parts import Done, Part, View, again, answer
from pipelines.models import Lead

router = APIRouter(include_in_schema=False)

Writer = Annotated[SignedIn, require("leads:write")]

NOT_TICKED = N_("Tick it if they agree; otherwise nothing is recorded.")
CHANGED: tuple[Part, ...] = ("composer", "consent", "timeline")


class ConsentForm(FormModel):
    """That a patient agreed to texts to a phone, and which words were read out to them."""

    address_id: UUID
    agreed_by: Literal["phone", "in_person"]
    language: Language
    wording_version: str
    agrees: Annotated[str, Form(max_length=10)] = ""


def _consent_again(request: Request, rejected: Rejected) -> Response:
    return again(request, rejected, ["consent"], View(rejected=rejected))


@router.post(
    "/leads/{lead_id}/consent",
    name="pipelines:record_consent",
    dependencies=[shows_again(_consent_again)],
)
def record_consent(
    request: Request,
    uow: ClinicUow,
    login: Writer,
    lead_id: UUID,
    form: Annotated[ConsentForm, Form()],
) -> Response:
    """Write down that the patient agreed to texts about care to one of the phones (LAW-10)."""
    contact = _whose_phone(uow, lead_id, form.address_id)
    if not form.agrees:
        raise Invalid(fields={"agrees": NOT_TICKED})
    wording = default_wording(uow, login.recognised.clinic.name, form.language, "care")
    if wording.version != form.wording_version:
        raise Invalid(fields={"agrees": READ_AGAIN})
    consent_told_staff(
        uow,
        form.address_id,
        contact_id=contact.id,
        wording_id=wording.id,
        evidence=given_to_staff(form.agreed_by, form.language),
    )
    message = _("Their consent is on record.")
    return answer(request, uow, login, lead_id, Done(message, CHANGED))


def _whose_phone(uow: UnitOfWork, lead_id: UUID, address_id: UUID) -> Contact:
    """Return the person of a lead. Raises NotFound, also where the phone is not theirs."""
    contact, kind = _whose(uow, lead_id, address_id)
    if kind != "phone":
        raise NotFound("phone not found")
    return contact


def _whose(uow: UnitOfWork, lead_id: UUID, address_id: UUID) -> tuple[Contact, str]:
    """Return the person of a lead, and what an address of theirs is.

    Raises NotFound, also where the address is not theirs.
    """
    person = queries.person(uow, uow.get(Lead, lead_id).contact_id)
    kind = next((each.kind for each in person.addresses if each.id == address_id), None)
    if kind is None:
        raise NotFound("address not found")
    return person.contact, kind


class OptOutForm(FormModel):
    """That a patient asked somebody of the clinic to stop texts or emails, and how."""

    address_id: UUID
    asked_by: AskedBy
    words: OptionalText = None


@router.post("/leads/{lead_id}/opt-out", name="pipelines:opt_out")
def opt_out(
    request: Request,
    uow: ClinicUow,
    login: Writer,
    lead_id: UUID,
    form: Annotated[OptOutForm, Form()],
) -> Response:
    """Write down that the patient asked to stop texts, or emails, to an address (LAW-4)."""
    contact, kind = _whose(uow, lead_id, form.address_id)
    opt_out_told_staff(
        uow,
        form.address_id,
        contact_id=contact.id,
        asked_by=form.asked_by,
        words=form.words,
        channel=CHANNELS_OF[kind],
    )
    message = _("It is noted; no more texts leave for this number.")
    if kind == "email":
        message = _("It is noted; no more emails leave for this address.")
    done = Done(message, CHANGED)
    return answer(request, uow, login, lead_id, done)
