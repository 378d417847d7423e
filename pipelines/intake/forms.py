"""The clinic's public request forms."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from crm.accounts import doors
from crm.accounts.models import Clinic
from crm.compliance.wordings import Wording, default_wording
from crm.core.errors import N_, Invalid, NotFound
from crm.core.uow import UnitOfWork
from pipelines.models import Pipeline, RequestForm

DOOR = "form"
MOST_SERVICES = 50
_ORIGIN = re.compile(r"https?://[a-z0-9.-]{1,253}(:\d{1,5})?", re.ASCII)
_KEY_BYTES = 12

NOT_A_SITE = N_("Give a site as its address without a path, such as https://www.example.com.")
TOO_MANY_SERVICES = N_("A form can offer 50 services at most.")


@dataclass(frozen=True)
class ShownForm:
    """A form as it is shown: whose it is, what it offers, and the words of its consent."""

    form_id: UUID
    version: int
    key: str
    pipeline_id: UUID
    services: Sequence[str]
    sites: Sequence[str]
    clinic: Clinic
    wording: Wording


def add_request_form(
    uow: UnitOfWork,
    name: str,
    pipeline_id: UUID,
    services: Sequence[str],
    *,
    sites: Sequence[str] = (),
) -> RequestForm:
    """Add a public form, open at once; its key stands in its address.

    `sites` are the origins that may show it in a frame. Raises NotFound, Invalid.
    """
    uow.get(Pipeline, pipeline_id)
    if any(not _ORIGIN.fullmatch(site) for site in sites):
        raise Invalid(NOT_A_SITE, field="sites")
    offered = list(dict.fromkeys(service.strip() for service in services if service.strip()))
    if len(offered) > MOST_SERVICES:
        raise Invalid(TOO_MANY_SERVICES, field="services")
    form = RequestForm(
        name=name,
        key=secrets.token_urlsafe(_KEY_BYTES),
        pipeline_id=pipeline_id,
        services=offered,
        sites=list(sites),
        created_at=uow.now,
    )
    uow.add(form)
    doors.open_door(uow, DOOR, form.key, form.id)
    return form


def close_request_form(uow: UnitOfWork, form_id: UUID) -> None:
    """Take no more requests through a form. Raises NotFound."""
    uow.get(RequestForm, form_id).is_open = False
    uow.session.flush()
    doors.close_doors(uow, DOOR, form_id)


def find_form(uow: UnitOfWork, form_id: UUID, language: str) -> ShownForm:
    """Return an open form with the current words of its consent. Raises NotFound."""
    form = uow.get(RequestForm, form_id)
    clinic = uow.session.get(Clinic, uow.clinic_id)
    if clinic is None or not form.is_open:
        raise NotFound
    return ShownForm(
        form_id=form.id,
        version=form.version,
        key=form.key,
        pipeline_id=form.pipeline_id,
        services=form.services,
        sites=form.sites,
        clinic=clinic,
        wording=default_wording(uow, clinic.name, language, "care"),
    )
