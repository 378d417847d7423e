"""A clinic's days off beside weekends: adding and removing them, and reading them as spans."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from crm.accounts.models import Clinic
from crm.core.errors import N_, Invalid
from crm.core.uow import UnitOfWork
from crm.privacy.actions import audit

CHANGED = "clinic.days_off_changed"
"""What the audit trail calls it."""

LONGEST = 100
"""Days of one span at most: a clinic that is closed for longer pauses its sequences."""

FURTHEST = 3 * 366
"""How many days ahead one may be."""

BACKWARDS = N_("The last day comes before the first.")
TOO_LONG = N_("At most 100 days at once.")
TOO_FAR = N_("Choose a day within three years from today.")

DAY = timedelta(days=1)


@dataclass(frozen=True)
class DaysOff:
    """Days off that follow each other, from the first to the last."""

    first: date
    last: date


def add_days_off(uow: UnitOfWork, first: date, last: date) -> None:
    """Close the clinic on these days, whether or not it was; what is over is forgotten.

    Raises Invalid.
    """
    clinic = _locked(uow)
    today = _today(uow, clinic)
    if last < first:
        raise Invalid(BACKWARDS, field="last")
    if (last - first).days >= LONGEST:
        raise Invalid(TOO_LONG, field="last")
    if not today <= first <= last <= today + FURTHEST * DAY:
        raise Invalid(TOO_FAR, field="first")
    known = {day for day in _days(clinic) if day >= today}
    _write(uow, clinic, known | set(_each(first, last)))


def remove_days_off(uow: UnitOfWork, first: date, last: date) -> None:
    """Open the clinic again on these days; one that was open stays so."""
    clinic = _locked(uow)
    _write(uow, clinic, {day for day in _days(clinic) if not first <= day <= last})


def days_off(uow: UnitOfWork) -> list[DaysOff]:
    """Return the spans of days off that are not over, the next one first."""
    clinic = uow.session.scalars(select(Clinic).where(col(Clinic.id) == uow.clinic_id)).one()
    today = _today(uow, clinic)
    return _spans(sorted(day for day in _days(clinic) if day >= today))


def _spans(days: Sequence[date]) -> list[DaysOff]:
    spans: list[DaysOff] = []
    for day in days:
        if spans and spans[-1].last + DAY == day:
            spans[-1] = DaysOff(spans[-1].first, day)
        else:
            spans.append(DaysOff(day, day))
    return spans


def _each(first: date, last: date) -> Iterable[date]:
    return (first + number * DAY for number in range((last - first).days + 1))


def _days(clinic: Clinic) -> set[date]:
    return {date.fromisoformat(day) for day in clinic.closed_on}


def _today(uow: UnitOfWork, clinic: Clinic) -> date:
    return uow.now.astimezone(ZoneInfo(clinic.timezone)).date()


def _locked(uow: UnitOfWork) -> Clinic:
    """Return the clinic, locked: of two who change its days off neither loses what he added."""
    return uow.session.scalars(
        select(Clinic)
        .where(col(Clinic.id) == uow.clinic_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def _write(uow: UnitOfWork, clinic: Clinic, days: set[date]) -> None:
    closed_on = [day.isoformat() for day in sorted(days)]
    if closed_on != clinic.closed_on:
        clinic.closed_on = closed_on
        uow.session.flush()
        audit(uow, CHANGED, days=len(closed_on))
