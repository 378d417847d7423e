"""The last check before a text or email leaves: one pure function over what is known of it.

Every reason is a code that the lead's page explains. A Block is final, a Defer is looked at again
when it ends: what was true when a text was held proves nothing about the morning (LAW-25).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args
from uuid import UUID

from crm.compliance import quiet_hours, windows
from crm.compliance.windows import DEFAULT_END_HOUR, DEFAULT_START_HOUR

BlockReason = Literal[
    "not_textable",
    "suppressed",
    "no_consent",
    "origin_ended",
    "lead_closed",
    "no_longer_useful",
    "replied",
    "booked",
    "daily_cap",
    "quiet_hours",
    "unknown_zone",
]
Overtaken = Literal["replied", "booked"]
ByPerson = Literal[
    "hold",
    "no_sender",
    "sender_paused",
    "sequence_paused",
    "template_paused",
    "no_postal_address",
]
DeferReason = Literal[ByPerson, "quiet_hours", "daily_cap", "weekly_cap"]
BLOCK_REASONS: tuple[BlockReason, ...] = get_args(BlockReason)
DEFER_REASONS: tuple[DeferReason, ...] = get_args(DeferReason)
BY_PERSON: tuple[ByPerson, ...] = get_args(ByPerson)
"""Reasons that end when a person ends them: nobody can say when."""

DAY, WEEK = timedelta(days=1), timedelta(days=7)
WEEKLY_CAP = 6
"""Automated texts to an address in seven days without a reply (LAW-27)."""

ANSWER_WITHIN = timedelta(minutes=15)
"""How long after a patient's text an answer is part of the same talk (LAW-26)."""

LOOK_AGAIN = timedelta(minutes=5)
"""When a text is looked at again that waits for a person: see `BY_PERSON`."""

CALL_TAKES = timedelta(seconds=30)
"""How long after a text was taken its provider may still be given it."""

LEAST_LEFT = CALL_TAKES + timedelta(seconds=60)
"""What a text needs before the window closes or its use ends, or it may come too late (TW-43)."""

JITTER = 15 * 60
"""Seconds over which texts spread that all waited for the same morning (LAW-25)."""

_TIERS = {"care": ("express", "written"), "marketing": ("written",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that decides about one text, at one instant.

    `tier` is the consent in force for the purpose of the message class, "none" where there is none
    or it was revoked. `sent_at` are the automated texts to this address in the last seven days,
    over all automations, oldest first. `answers_at` is when the patient wrote what caused this
    text, if that was no keyword. `is_once_more` is the second try of a text that did not arrive
    (TW-44). `overtaken_by` is what made a text for later needless. `zones` are the recipient's
    plausible ones, `states` those of them that have hours of their own for texts that sell (LAW-21,
    LAW-23).
    """

    communication_id: UUID
    now: datetime
    message_class: str
    created_at: datetime
    zones: tuple[str, ...]
    channel: str = "sms"
    states: tuple[str, ...] = ()
    tier: str = "none"
    is_textable: bool = True
    is_suppressed: bool = False
    is_origin_live: bool = True
    is_origin_paused: bool = False
    is_lead_open: bool = True
    is_holding: bool = False
    has_sender: bool = True
    is_sender_paused: bool = False
    is_template_paused: bool = False
    has_postal_address: bool = True
    useful_until: datetime | None = None
    sent_at: tuple[datetime, ...] = ()
    last_in_at: datetime | None = None
    answers_at: datetime | None = None
    is_once_more: bool = False
    overtaken_by: Overtaken | None = None
    start_hour: int = DEFAULT_START_HOUR
    end_hour: int = DEFAULT_END_HOUR
    daily_cap: int = 3

    @property
    def is_automated(self) -> bool:
        """Whether no person sends it and nobody's keyword asked for it."""
        return self.message_class not in ("staff", "system")

    @property
    def has_hours(self) -> bool:
        """Whether it may arrive at some hours only: an email wakes nobody (LAW-20 is of calls)."""
        return self.is_automated and self.channel != "email"

    @property
    def week(self) -> quiet_hours.Week:
        """The hours of each day in which it may arrive, by every one of its zones (LAW-21)."""
        states = self.states if self.message_class == "marketing" else ()
        return windows.week(states, self.start_hour, self.end_hour)

    @property
    def is_answer(self) -> bool:
        """Whether it answers, unasked for nothing else, what the patient just wrote (LAW-26)."""
        return (
            self.message_class == "care"
            and self.answers_at is not None
            and self.answers_at <= self.created_at
            and self.now - self.answers_at < ANSWER_WITHIN
        )


@dataclass(frozen=True, slots=True)
class Allow:
    """It may leave now."""


@dataclass(frozen=True, slots=True)
class Defer:
    """Not now: everything is checked again at `until`, which is later than now."""

    until: datetime
    reason: DeferReason


@dataclass(frozen=True, slots=True)
class Block:
    """Never."""

    reason: BlockReason


Decision = Allow | Defer | Block


def decide(facts: Facts) -> Decision:
    """Decide about one text. What is final is found first: nobody waits for a text in vain."""
    reason = _blocked(facts)
    if reason is not None:
        return Block(reason)
    try:
        held = _held(facts) or _by_cap(facts) or _by_hours(facts)
    except ValueError:
        return Block("unknown_zone")
    if held is None:
        return Allow()
    if isinstance(held, Defer) and not _is_useful(facts, held.until):
        # A person may lift a hold at any time, so only the clock's own ends are certain.
        return held if held.reason in BY_PERSON else Block("no_longer_useful")
    return held


def _blocked(facts: Facts) -> BlockReason | None:
    if not facts.is_textable:
        return "not_textable"
    # The one confirmation of a STOP, and HELP, go to people who opted out too (LAW-6, LAW-32).
    if facts.is_suppressed and facts.message_class != "system":
        return "suppressed"
    if facts.is_automated and facts.tier not in _TIERS.get(facts.message_class, ()):
        return "no_consent"
    if facts.is_automated and not facts.is_origin_live:
        return "origin_ended"
    if facts.is_automated and not facts.is_lead_open:
        return "lead_closed"
    if facts.is_once_more and facts.last_in_at is not None and facts.last_in_at > facts.created_at:
        return "replied"
    if facts.overtaken_by is not None:
        return facts.overtaken_by
    if not _is_useful(facts, facts.now):
        return "no_longer_useful"
    return None


def _is_useful(facts: Facts, at: datetime) -> bool:
    """Whether a text that leaves then arrives while it is of use, as late as it may."""
    return facts.useful_until is None or facts.useful_until - at >= LEAST_LEFT


def _held(facts: Facts) -> Defer | None:
    """Hold back what a person has to let go; the clinic's switch holds all but people's words."""
    if facts.is_holding and facts.message_class != "staff":
        return Defer(facts.now + LOOK_AGAIN, "hold")
    if not facts.has_sender:
        return Defer(facts.now + LOOK_AGAIN, "no_sender")
    if facts.is_sender_paused:
        return Defer(facts.now + LOOK_AGAIN, "sender_paused")
    if facts.is_automated and facts.is_origin_paused:
        return Defer(facts.now + LOOK_AGAIN, "sequence_paused")
    if facts.is_template_paused:
        return Defer(facts.now + LOOK_AGAIN, "template_paused")
    sells_by_email = facts.channel == "email" and facts.message_class == "marketing"
    if sells_by_email and not facts.has_postal_address:
        return Defer(facts.now + LOOK_AGAIN, "no_postal_address")
    return None


def _by_cap(facts: Facts) -> Defer | Block | None:
    """Hold back what would be one too many, until enough of them are long enough ago (LAW-27)."""
    if not facts.is_automated:
        return None
    if facts.daily_cap < 1:
        return Block("daily_cap")
    replied_at = facts.last_in_at
    unanswered = [at for at in facts.sent_at if replied_at is None or at > replied_at]
    free_at = _room_at(facts.sent_at, facts.daily_cap, DAY, facts.now)
    if free_at is not None:
        return _opening(facts, free_at, "daily_cap")
    free_at = _room_at(unanswered, WEEKLY_CAP, WEEK, facts.now)
    return None if free_at is None else _opening(facts, free_at, "weekly_cap")


def _room_at(
    sent_at: tuple[datetime, ...] | list[datetime], cap: int, window: timedelta, now: datetime
) -> datetime | None:
    """Return when fewer than `cap` of them are in the window; None if that is now."""
    recent = sorted(at for at in sent_at if at > now - window)
    return recent[-cap] + window if len(recent) >= cap else None


def _by_hours(facts: Facts) -> Defer | Block | None:
    """Hold back what would arrive at night, in any zone where its recipient may be (LAW-20)."""
    if not facts.has_hours or facts.is_answer:
        return None
    opening = _opening(facts, facts.now, "quiet_hours")
    if not (isinstance(opening, Defer) and opening.until == facts.now):
        return opening
    closes = quiet_hours.closing(facts.now, facts.zones, facts.week)
    # Open, but a text that leaves this late may arrive when it is closed.
    return None if closes - facts.now >= LEAST_LEFT else _opening(facts, closes, "quiet_hours")


def _opening(facts: Facts, start: datetime, reason: DeferReason) -> Defer | Block:
    """Hold back until the window is open, from `start` on; no window, no text."""
    if not facts.has_hours:
        return Defer(start, reason)
    opening = quiet_hours.earliest_in(start, facts.zones, facts.week)
    if opening is None:
        return Block("quiet_hours")
    if opening == start:
        return Defer(start, reason)
    # Spread, but never past a common window that is shorter than the spread.
    late = opening + timedelta(seconds=facts.communication_id.int % JITTER)
    if late <= quiet_hours.closing(opening, facts.zones, facts.week) - LEAST_LEFT:
        opening = late
    return Defer(opening, reason)
