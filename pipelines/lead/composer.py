"""What the composer of a lead's page offers: to whom, which words, when; or why nobody may text."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm.compliance import quiet_hours, windows
from crm.compliance.gate import ANSWER_WITHIN
from crm.core.errors import DomainError
from crm.core.ids import new_id
from crm.core.uow import UnitOfWork
from crm.messaging import rendering, segments
from crm.messaging.composing import compose, fill, merge_values, way_out
from crm.messaging.facts import candidate_zones
from crm.web import formats
from crm.web.language import N_, _, ngettext
from pipelines.lead.queries import Sheet

FIELDS: Mapping[str, str] = {
    "first_name": N_("First name"),
    "last_name": N_("Last name"),
    "clinic_name": N_("Clinic's name"),
    "clinic_phone": N_("Clinic's phone"),
}
"""The merge fields that the composer offers: none tells on a lock screen what it is about."""

MORNING = 8


@dataclass(frozen=True)
class Choice:
    """A template in the words that this person would read; `is_open` where a value is missing."""

    id: UUID
    name: str
    words: str


@dataclass(frozen=True)
class Barrier:
    """Why nobody may text this person, and what can be done about it."""

    reason: str
    way_out: str


@dataclass(frozen=True)
class Composer:
    """The composer of a lead's page as of one instant."""

    sheet: Sheet
    draft: str
    key: str
    price: Decimal | None = None

    @cached_property
    def to(self) -> Any:
        """The phone that a text goes to: the one given last that may be texted."""
        phones = self.sheet.phones
        return next((one for one in phones if self._may_get(one)), next(iter(phones), None))

    @property
    def phones(self) -> Sequence[Any]:
        """The phones that may be texted."""
        return [one for one in self.sheet.phones if self._may_get(one)]

    def _may_get(self, phone: Any) -> bool:
        return phone.suppressed_at is None and not self._is_dead(phone)

    def _is_dead(self, phone: Any) -> bool:
        talk = self.sheet.talks.get(phone.id)
        if talk is None or talk.refused_at is None:
            return False
        return talk.last_in_at is None or talk.last_in_at < talk.refused_at

    @property
    def barrier(self) -> Barrier | None:
        """Why nobody may text them; None where one may."""
        if self.to is None:
            return Barrier(_("There is no phone number."), _("Add one under Details."))
        if self.to.suppressed_at is not None:
            return Barrier(
                _("They opted out of texts."),
                _("Only they can undo it, by texting START. Call them, or write an email."),
            )
        if self._is_dead(self.to):
            return Barrier(
                _("This number cannot get texts."), _("Add a mobile number under Details.")
            )
        if not self.sheet.has_sender:
            return Barrier(
                _("The clinic has no number to send from."),
                _("An owner connects one under Settings, Texts."),
            )
        return None

    @property
    def warnings(self) -> Sequence[str]:
        """What whoever writes should know."""
        told = []
        if self.sheet.is_sender_paused:
            told.append(_("The clinic's number is paused: texts wait until it is resumed."))
        if not self._has_agreed and not self.is_open_talk:
            told.append(_("They have not agreed to texts: write only to answer what they asked."))
        return told

    @property
    def _has_agreed(self) -> bool:
        mine = (one for one in self.sheet.consents if self.to and one.address_id == self.to.id)
        return any(one.channel == "sms" and one.action == "granted" for one in mine)

    @cached_property
    def is_first(self) -> bool:
        """Whether nothing was texted to the phone yet: the text then tells the way out."""
        talk = self.sheet.talks.get(self.to.id) if self.to else None
        return talk is None or not talk.was_texted

    @cached_property
    def is_open_talk(self) -> bool:
        """Whether they wrote a moment ago, so that an answer is no surprise (LAW-26)."""
        talk = self.sheet.talks.get(self.to.id) if self.to else None
        said_at = talk.last_in_at if talk else None
        return said_at is not None and self.sheet.now - said_at < ANSWER_WITHIN

    @cached_property
    def zones(self) -> tuple[str, ...]:
        """Every zone where they may be."""
        value = self.to.value if self.to else None
        found, _source = candidate_zones(
            self.sheet.person.timezone, value, self.sheet.clinic.timezone
        )
        return found

    @cached_property
    def week(self) -> quiet_hours.Week:
        """The hours in which a text may arrive."""
        clinic = self.sheet.clinic
        return windows.week((), clinic.window_start_hour, clinic.window_end_hour)

    def opening(self, at: datetime) -> datetime | None:
        """Return when it is day for them from then on."""
        return quiet_hours.earliest_in(at, self.zones, self.week)

    @cached_property
    def opens_at(self) -> datetime | None:
        """When a text may leave that would arrive at night now; None by day and in an open talk."""
        if self.is_open_talk:
            return None
        at = self.opening(self.sheet.now)
        return at if at is not None and at > self.sheet.now else None

    @cached_property
    def laters(self) -> Sequence[datetime]:
        """Times that "Send later" offers: in an hour, tomorrow morning, Monday morning."""
        zone, now = ZoneInfo(self.sheet.clinic.timezone), self.sheet.now
        today = now.astimezone(zone).date()
        monday = today + timedelta(days=7 - today.weekday())
        mornings = (
            datetime.combine(day, time(max(MORNING, self.sheet.clinic.window_start_hour)), zone)
            for day in (today + timedelta(days=1), monday)
        )
        hour = (now + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
        wanted = [hour + timedelta(hours=1) if hour <= now else hour, *mornings]
        opened = (self.opening(at.astimezone(now.tzinfo)) for at in wanted)
        return sorted({at for at in opened if at is not None and at > now})

    @cached_property
    def values(self) -> Mapping[str, object]:
        """What merge fields mean for this person."""
        clinic, service = self.sheet.clinic, self.sheet.lead.service
        return merge_values(self.sheet.person.name, clinic.name, clinic.phone, service=service)

    @cached_property
    def templates(self) -> Sequence[Choice]:
        """The templates in their language, filled in where everything is known."""
        return [
            Choice(row.id, row.name, self._worded(self._source(row.bodies)))
            for row in self.sheet.templates
        ]

    def _source(self, bodies: Mapping[str, str]) -> str:
        for language in (self.sheet.person.language, self.sheet.clinic.language):
            if bodies.get(language):
                return bodies[language]
        return next((body for body in bodies.values() if body), "")

    def _worded(self, source: str) -> str:
        try:
            return rendering.compile(source).render(self.values)
        except DomainError:
            # A value is missing: whoever writes sees the field and puts it right.
            return source

    def composed(self, body: str) -> Any:
        """Return what a text says as it leaves; None where it cannot be filled in."""
        try:
            return compose(
                body,
                self.values,
                is_first=self.is_first,
                clinic_name=self.sheet.clinic.name,
                language=self.sheet.person.language,
            )
        except DomainError:
            return None

    def read(self, body: str) -> str:
        """Return how merge fields read; nothing where there are none, or they cannot be read."""
        try:
            words = fill(body, self.values)
        except DomainError:
            return ""
        return "" if words == body.strip() else words

    @property
    def rules(self) -> str:
        """What the browser counts by while somebody types, as JSON: the server's own rules."""
        return json.dumps(
            {
                "gsm": "".join(sorted(segments.GSM_BASIC)),
                "wide": "".join(sorted(segments.GSM_EXTENDED)),
                "before": f"{self.sheet.clinic.name}: " if self.is_first else "",
                "after": f"\n\n{way_out(self.sheet.person.language)}" if self.is_first else "",
                "clinic": self.sheet.clinic.name,
                "values": {name: str(value) for name, value in self.values.items() if value},
                "price": None if self.price is None else str(self.price),
                "characters": [_characters(1), _characters(2).replace("2", "{n}")],
                "texts": [_texts(1), _texts(2).replace("2", "{n}")],
                "special": _("with special characters"),
            }
        )

    def count(self, body: str) -> str:
        """Return how many characters and texts it is, and what they cost."""
        composed = self.composed(body) if body.strip() else None
        if composed is None:
            return _characters(0)
        said = [_characters(composed.segments.units), _texts(composed.segments.parts)]
        price = composed.price(self.price)
        if price is not None:
            said.append(formats.small_money(price))
        if composed.segments.encoding == "UCS-2":
            said.append(_("with special characters"))
        return " · ".join(said)


def _characters(count: int) -> str:
    return ngettext("%(num)s character", "%(num)s characters", count)


def _texts(count: int) -> str:
    return ngettext("%(num)s text", "%(num)s texts", count)


def composer(
    uow: UnitOfWork, sheet: Sheet, typed: str | None = None, price: Decimal | None = None
) -> Composer:
    """Return the composer with the words that were typed, else with the draft."""
    draft = sheet.mine.draft if sheet.mine else None
    kept = uow.decrypt(sheet.lead.id, draft) if draft else ""
    return Composer(sheet, kept if typed is None else typed, str(new_id()), price)
