"""What the gate knows of one text or email, and what it may say of it."""

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
    "spoken_for",
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
DeferReason = Literal[
    ByPerson, "quiet_hours", "sequence_hours", "daily_cap", "weekly_cap", "outranked", "other_voice"
]
BLOCK_REASONS: tuple[BlockReason, ...] = get_args(BlockReason)
DEFER_REASONS: tuple[DeferReason, ...] = get_args(DeferReason)
BY_PERSON: tuple[ByPerson, ...] = get_args(ByPerson)
"""Reasons that end when a person ends them: nobody can say when."""

DAY, WEEK = timedelta(days=1), timedelta(days=7)

ANSWER_WITHIN = timedelta(minutes=15)
"""How long after a patient's text an answer is part of the same talk (LAW-26)."""


@dataclass(frozen=True, slots=True)
class Voice:
    """The last text to a person that another automation sent: which, when, and how sure.

    `is_of_event`: it belongs to the very event that this text belongs to. `has_arrived`: its
    provider took it. `is_as_important`: its automation is as important as this text's, or more.
    """

    communication_id: UUID
    at: datetime
    is_of_event: bool
    has_arrived: bool
    is_as_important: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that decides about one text, at one instant.

    `tier` is the consent in force for the purpose of the message class, "none" where there is none
    or it was revoked. `sent_at` are the automated texts to this address in the last seven days,
    over all automations, oldest first. `answers_at` is when the patient wrote what caused this
    text, if that was no keyword. `is_once_more` is the second try of a text that did not arrive
    (TW-44). `overtaken_by` is what made a text for later needless. `other_voice` is what another
    automation said to the person last, `is_outranked` whether a more important one is about to, and
    `gap` what has to lie between two of them. `origin_week` are the hours that its sequence keeps
    to, where it has any. `zones` are the recipient's
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
    other_voice: Voice | None = None
    is_outranked: bool = False
    gap: timedelta = timedelta()
    origin_week: quiet_hours.Week | None = None
    start_hour: int = DEFAULT_START_HOUR
    end_hour: int = DEFAULT_END_HOUR
    daily_cap: int = 3

    @property
    def is_automated(self) -> bool:
        """Whether no person sends it and nobody's keyword asked for it."""
        return self.message_class not in ("staff", "system")

    @property
    def has_hours(self) -> bool:
        """Whether it may arrive at some hours only."""
        return self.is_automated and (self.wakes or self.origin_week is not None)

    @property
    def wakes(self) -> bool:
        """Whether it may wake somebody: an email does not (LAW-20 is of calls)."""
        return self.channel != "email"

    @property
    def week(self) -> quiet_hours.Week:
        """The hours of each day in which it may arrive, by every one of its zones (LAW-21)."""
        if self.origin_week is None:
            return self.lawful_week
        return windows.common(self.lawful_week, self.origin_week)

    @property
    def lawful_week(self) -> quiet_hours.Week:
        """Those that the law and the clinic leave, whatever its sequence says."""
        if not self.wakes:
            return windows.ALWAYS
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
