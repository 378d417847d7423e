"""A walk-in or somebody on the phone: their request is written down by the front desk."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from sqlmodel import col, select

from crm.accounts.models import LANGUAGES, Clinic, Language
from crm.compliance.actions import given_to_staff
from crm.compliance.wordings import default_text, default_wording
from crm.core.errors import N_, Invalid
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.web.forms import FormModel, OptionalId
from pipelines.intake.accepting import Accepted, accept_requests
from pipelines.intake.arrived import (
    AppointmentRequestIn,
    EmailText,
    IncomingRequest,
    Line,
    LongText,
    Name,
    PhoneText,
    wrong_addresses,
)
from pipelines.models import Pipeline, RequestForm, Stage

CHANNEL = "desk"
"""Followed by the id of the user who wrote it down."""

Came = Literal["walk_in", "phone_call"]
CAME: Mapping[Came, str] = {"walk_in": N_("They are here"), "phone_call": N_("They are calling")}

AGREED_BY: Mapping[Came, str] = {"walk_in": "in_person", "phone_call": "phone"}

READ_AGAIN = N_("The words have changed: read them out again, and tick it if they agree.")
READ_IN_THEIRS = N_("They agreed in another language: read these out, and tick it if they agree.")
NO_PHONE_TO_TEXT = N_("To be texted they need a phone number; otherwise leave this unticked.")

TAKES_NONE = N_("This pipeline takes no new leads; choose another.")


class NewLeadForm(FormModel):
    """What the front desk writes down; `key` makes two sendings of it one request.

    Without a pipeline it is for the default one.
    """

    key: UUID = Field(default_factory=new_id)
    came: Came = "walk_in"
    name: Annotated[Name, Field(validate_default=True)] = ""
    phone: PhoneText = None
    email: EmailText = None
    language: Language = "en"
    service: Line = None
    pipeline: OptionalId = None
    message: LongText = None
    sms_care_en: Annotated[str, Field(max_length=10)] = ""
    sms_care_es: Annotated[str, Field(max_length=10)] = ""
    words_shown: Annotated[str, Field(max_length=64)] = ""

    @property
    def agreed_in(self) -> list[str]:
        """The languages whose words have a tick: each has one of its own."""
        return [language for language in LANGUAGES if getattr(self, f"sms_care_{language}")]


def consent_texts(clinic: Clinic) -> dict[str, str]:
    """Return the words of consent to read out, by language."""
    return {language: default_text(clinic.name, language, "care") for language in LANGUAGES}


def fingerprint(texts: Mapping[str, str]) -> str:
    """Return what tells whether the words that were shown are still the current ones."""
    return sha256(json.dumps(dict(texts), sort_keys=True).encode()).hexdigest()


def services_offered(uow: UnitOfWork) -> list[str]:
    """Return what the clinic's open forms offer, each service once."""
    offered = uow.session.scalars(
        select(RequestForm.services)
        .where(col(RequestForm.clinic_id) == uow.clinic_id, col(RequestForm.is_open))
        .order_by(col(RequestForm.id))
    )
    return list(dict.fromkeys(service for services in offered for service in services))


def pipelines_offered(uow: UnitOfWork) -> list[tuple[UUID, str]]:
    """Return the pipelines that take new leads by id and name, the default one first."""
    taking = select(Stage.pipeline_id).where(
        col(Stage.clinic_id) == uow.clinic_id,
        col(Stage.kind) == "open",
        col(Stage.removed_at).is_(None),
    )
    rows = uow.session.execute(
        select(Pipeline.id, Pipeline.name)
        .where(col(Pipeline.clinic_id) == uow.clinic_id, col(Pipeline.id).in_(taking))
        .order_by(col(Pipeline.is_default).desc(), col(Pipeline.position), col(Pipeline.id))
    )
    return [(pipeline_id, name) for pipeline_id, name in rows]


def take_down(uow: UnitOfWork, form: NewLeadForm, clinic: Clinic, user_id: UUID) -> Accepted:
    """Accept what somebody told a user; consent is recorded with the words that were read out.

    Raises Invalid, NoPipeline.
    """
    wrong = wrong_addresses(form.phone, form.email, clinic.region)
    is_shown = form.words_shown == fingerprint(consent_texts(clinic))
    if form.agreed_in and form.language not in form.agreed_in:
        wrong[f"sms_care_{form.language}"] = READ_IN_THEIRS
    elif form.agreed_in and not form.phone:
        wrong[f"sms_care_{form.language}"] = NO_PHONE_TO_TEXT
    elif form.agreed_in and not is_shown:
        wrong[f"sms_care_{form.language}"] = READ_AGAIN
    if form.pipeline and form.pipeline not in dict(pipelines_offered(uow)):
        wrong["pipeline"] = TAKES_NONE
    if wrong:
        raise Invalid(fields=wrong)
    [accepted] = accept_requests(uow, [_incoming(uow, form, clinic, user_id)])
    return accepted


def _incoming(uow: UnitOfWork, form: NewLeadForm, clinic: Clinic, user_id: UUID) -> IncomingRequest:
    content = form.model_dump_json(exclude={"key", "words_shown"})
    data = AppointmentRequestIn.model_validate(
        {
            **form.model_dump(include={"name", "phone", "email", "language", "service", "message"}),
            "source": form.came,
            "consent": _consent(uow, form, clinic),
        }
    )
    return IncomingRequest(
        data=data,
        # What is changed after Back is another request; a double click is the same one.
        idempotency_key=f"{form.key}:{sha256(content.encode()).hexdigest()[:16]}",
        channel=f"{CHANNEL}:{user_id}",
        pipeline_id=form.pipeline,
        body=content,
        region=clinic.region,
        default_language=clinic.language,
        evidence=given_to_staff(AGREED_BY[form.came], form.language),
    )


def _consent(uow: UnitOfWork, form: NewLeadForm, clinic: Clinic) -> dict[str, object]:
    if not form.agreed_in:
        return {}
    wording = default_wording(uow, clinic.name, form.language, "care")
    return {"sms_care": True, "wording_id": wording.id}
