"""Times of day and days of the week, as definitions hold them."""

from datetime import datetime, time
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, PlainSerializer

from crm.core.errors import N_

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
NOT_A_TIME = N_("Write this as a time of day, such as 09:30.")


def _hours_and_minutes(value: object) -> time:
    try:
        return datetime.strptime(str(value), "%H:%M").time()  # noqa: DTZ007 - a clock's face
    except ValueError:
        # What was validated before, with its seconds.
        if isinstance(value, time):
            return value
        raise ValueError(NOT_A_TIME) from None


TimeOfDay = Annotated[
    time,
    BeforeValidator(_hours_and_minutes),
    PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str),
]
"""A time of day, written as 09:30."""
