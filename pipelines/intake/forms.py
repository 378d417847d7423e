"""The clinic's public request forms."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args
from uuid import UUID

from sqlmodel import col, select

from crm.accounts import doors
from crm.accounts.actions import lock_settings
from crm.accounts.models import Clinic
from crm.compliance.wordings import (
    TIERS,
    Wording,
    default_text,
    default_wording,
    find_wordings,
    publish_wording,
    what_it_lacks,
)
from crm.core.errors import N_, Invalid, NotFound, StaleVersion
from crm.core.uow import UnitOfWork
from crm.privacy.actions import audit
from crm.web.language import _
from pipelines.models import Pipeline, RequestForm

Ask = Literal["optional", "needed", "left_out"]
Place = Literal["title", "intro", "thanks"]

ASKS: Mapping[str, Sequence[Ask]] = {
    "phone": ("optional", "needed"),
    "email": get_args(Ask),
    "service": get_args(Ask),
    "message": get_args(Ask),
}
"""The fields of a form beside the name, and how each may be asked for; first how it is."""
PLACES: Sequence[Place] = get_args(Place)
"""Where a form says something of its clinic's: above the fields, below that, and once sent."""

DOOR = "form"
MOST_SERVICES = 50
LONGEST_SERVICE = 120
_ORIGIN = re.compile(r"https?://[a-z0-9.-]{1,253}(:\d{1,5})?", re.ASCII)
_KEY_BYTES = 12

NOT_A_SITE = N_("Give a site as its address without a path, such as https://www.example.com.")
LACKS = N_("These words must also say: %(what)s.")
LONG_SERVICE = N_("Give each service a name of at most 120 characters.")
TOO_MANY_SERVICES = N_("A form can offer 50 services at most.")


@dataclass(frozen=True)
class ShownForm:
    """A form as it is shown: whose it is, what it offers, asks and says, and its consent's words.

    `asks` has every field of `ASKS`, `texts` the clinic's own words by place.
    """

    form_id: UUID
    version: int
    key: str
    pipeline_id: UUID
    services: Sequence[str]
    sites: Sequence[str]
    asks: Mapping[str, str]
    texts: Mapping[str, str]
    clinic: Clinic
    wording: Wording

    def lacking(self, typed: Mapping[str, str | None]) -> list[str]:
        """Return the fields that are needed and were left empty."""
        needed = [name for name, ask in self.asks.items() if ask == "needed"]
        return [name for name in needed if not (typed.get(name) or "").strip()]


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
    offered, origins = _services(services), _origins(sites)
    form = RequestForm(
        name=name,
        key=secrets.token_urlsafe(_KEY_BYTES),
        pipeline_id=pipeline_id,
        services=offered,
        sites=origins,
        created_at=uow.now,
    )
    uow.add(form)
    doors.open_door(uow, DOOR, form.key, form.id)
    return form


@dataclass(frozen=True)
class FormWords:
    """A form as it is edited; `wordings` are the words of its consent by language.

    Words that are left empty, or are the default ones, follow the clinic's default; so do `texts`,
    by place and language. `asks` says by field how it is asked for.
    """

    name: str
    pipeline_id: UUID
    services: Sequence[str] = ()
    sites: Sequence[str] = ()
    wordings: Mapping[str, str] = field(default_factory=dict)
    asks: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


def edit_request_form(
    uow: UnitOfWork, form_id: UUID, version: int, words: FormWords
) -> RequestForm:
    """Change a form. Other words of consent are published beside those that people agreed to.

    Raises NotFound, StaleVersion, Invalid.
    """
    lock_settings(uow)
    form = uow.get(RequestForm, form_id)
    uow.get(Pipeline, words.pipeline_id)
    clinic = uow.session.get(Clinic, uow.clinic_id)
    if clinic is None:
        raise NotFound
    if not words.name.strip():
        raise Invalid(_("Give it a name."), field="name")
    services, sites = _services(words.services), _origins(words.sites)
    if form.version != version:
        raise StaleVersion(_("What you typed is still here. Save again, and it replaces theirs."))
    form.wordings = _wordings(uow, clinic.name, words.wordings)
    form.name, form.pipeline_id = words.name.strip(), words.pipeline_id
    form.services, form.sites = services, sites
    asks = dict(words.asks)
    if asks.get("email") == "left_out":
        asks["phone"] = "needed"
    form.asks = {name: ask for name, ask in asks.items() if ask != ASKS[name][0]}
    form.texts = {place: text for place, text in words.texts.items() if text}
    form.version += 1
    uow.session.flush()
    audit(uow, "form.changed", "form", form.id, wordings=sorted(form.wordings.values()))
    return form


def _wordings(uow: UnitOfWork, clinic: str, texts: Mapping[str, str]) -> dict[str, str]:
    """Return the ids of the words by language, published where they are new. Raises Invalid."""
    own = {
        language: words
        for language, text in texts.items()
        if (words := " ".join(text.split())) and words != default_text(clinic, language, "care")
    }
    wrong = {
        f"wording_{language}": _(LACKS, what=", ".join(lacking))
        for language, text in own.items()
        if (lacking := what_it_lacks(text, clinic))
    }
    if wrong:
        raise Invalid(fields=wrong)
    return {
        language: str(publish_wording(uow, language, "care", TIERS["care"], text).id)
        for language, text in own.items()
    }


def _services(services: Sequence[str]) -> list[str]:
    offered = list(dict.fromkeys(service.strip() for service in services if service.strip()))
    if len(offered) > MOST_SERVICES:
        raise Invalid(TOO_MANY_SERVICES, field="services")
    if any(len(service) > LONGEST_SERVICE for service in offered):
        raise Invalid(LONG_SERVICE, field="services")
    return offered


def _origins(sites: Sequence[str]) -> list[str]:
    origins = [origin for site in sites if (origin := site.strip().rstrip("/").lower())]
    if any(not _ORIGIN.fullmatch(origin) for origin in origins):
        raise Invalid(NOT_A_SITE, field="sites")
    return list(dict.fromkeys(origins))


def close_request_form(uow: UnitOfWork, form_id: UUID) -> None:
    """Take no more requests through a form; again is a no-op. Raises NotFound."""
    lock_settings(uow)
    form = uow.get(RequestForm, form_id)
    if form.is_open:
        form.is_open = False
        uow.session.flush()
        doors.close_doors(uow, DOOR, form_id)
        audit(uow, "form.closed", "form", form_id)


def open_request_form(uow: UnitOfWork, form_id: UUID) -> None:
    """Take requests through a form again, at its old address; again is a no-op. Raises NotFound."""
    lock_settings(uow)
    form = uow.get(RequestForm, form_id)
    if not form.is_open:
        form.is_open = True
        uow.session.flush()
        doors.open_door(uow, DOOR, form.key, form.id)
        audit(uow, "form.opened", "form", form_id)


def request_forms(uow: UnitOfWork) -> list[RequestForm]:
    """Return the clinic's forms, the first made first."""
    query = select(RequestForm).where(col(RequestForm.clinic_id) == uow.clinic_id)
    return list(uow.session.scalars(query.order_by(col(RequestForm.id))))


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
        asks=asks_of(form),
        texts={place: form.texts.get(f"{place}_{language}", "") for place in PLACES},
        clinic=clinic,
        wording=_own_wording(uow, form, language)
        or default_wording(uow, clinic.name, language, "care"),
    )


def asks_of(form: RequestForm) -> dict[str, str]:
    """Return how a form asks for each field; for the service only where it offers some."""
    asks = {name: form.asks.get(name, ways[0]) for name, ways in ASKS.items()}
    if not form.services:
        asks["service"] = "left_out"
    return asks


def consent_text(uow: UnitOfWork, form: RequestForm, clinic: str, language: str) -> str:
    """Return what a form shows beside its tick box; nothing is published by reading it."""
    own = _own_wording(uow, form, language)
    return own.text if own else default_text(clinic, language, "care")


def _own_wording(uow: UnitOfWork, form: RequestForm, language: str) -> Wording | None:
    chosen = form.wordings.get(language)
    found = find_wordings(uow, ids=[UUID(chosen)]) if chosen else {}
    return next(iter(found.values()), None)
