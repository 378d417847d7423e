"""The gate's word on one text: what is final is found first, then what holds it, then its hours."""

from datetime import datetime, timedelta

from crm.compliance import quiet_hours
from crm.compliance.gate.facts import (
    BY_PERSON,
    DAY,
    WEEK,
    Allow,
    Block,
    BlockReason,
    Decision,
    Defer,
    DeferReason,
    Facts,
    Voice,
)

WEEKLY_CAP = 6
"""Automated texts to an address in seven days without a reply (LAW-27)."""

LOOK_AGAIN = timedelta(minutes=5)
"""When a text is looked at again that waits for a person: see `BY_PERSON`."""

OUTRANKED_FOR = timedelta(minutes=1)
"""When a text is looked at again that lets a more important one go first."""

CALL_TAKES = timedelta(seconds=30)
"""How long after a text was taken its provider may still be given it."""

LEAST_LEFT = CALL_TAKES + timedelta(seconds=60)
"""What a text needs before the window closes or its use ends, or it may come too late (TW-43)."""

JITTER = 15 * 60
"""Seconds over which texts spread that all waited for the same morning (LAW-25)."""

TIERS = {"care": ("express", "written"), "marketing": ("written",)}
"""The consents that are enough for each class of automated texts and emails."""


def decide(facts: Facts) -> Decision:
    """Decide about one text. What is final is found first: nobody waits for a text in vain."""
    reason = _blocked(facts)
    if reason is not None:
        return Block(reason)
    try:
        held = _held(facts) or _by_voice(facts) or _by_cap(facts) or _by_hours(facts)
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
    if facts.is_automated and facts.tier not in TIERS.get(facts.message_class, ()):
        return "no_consent"
    if facts.is_automated and not facts.is_origin_live:
        return "origin_ended"
    if facts.is_automated and not facts.is_lead_open:
        return "lead_closed"
    if _is_spoken_for(facts):
        return "spoken_for"
    if facts.is_once_more and facts.last_in_at is not None and facts.last_in_at > facts.created_at:
        return "replied"
    if facts.overtaken_by is not None:
        return facts.overtaken_by
    if not _is_useful(facts, facts.now):
        return "no_longer_useful"
    return None


def _recent_voice(facts: Facts) -> Voice | None:
    """Return what another automation said to the person less than the gap ago."""
    voice = facts.other_voice
    is_recent = voice is not None and facts.now - voice.at < facts.gap
    return voice if is_recent and facts.is_automated else None


def _is_spoken_for(facts: Facts) -> bool:
    """Whether another automation has just told the person about the very same event."""
    voice = _recent_voice(facts)
    if voice is None or not voice.is_as_important:
        return False
    return voice.is_of_event and voice.has_arrived


def _by_voice(facts: Facts) -> Defer | Block | None:
    """Let a person hear one automation at a time: the more important first, then a gap.

    An answer to what they just wrote is not kept waiting by what else was said.
    """
    if not facts.is_automated:
        return None
    if facts.is_outranked:
        return Defer(facts.now + OUTRANKED_FOR, "outranked")
    voice = _recent_voice(facts)
    if voice is None or facts.is_answer:
        return None
    if voice.is_of_event and not voice.has_arrived:
        return Defer(min(facts.now + OUTRANKED_FOR, voice.at + facts.gap), "other_voice")
    return _opening(facts, voice.at + facts.gap, "other_voice")


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
    """Hold back what would arrive at night, in any zone where its recipient may be (LAW-20).

    Also what its sequence keeps for other hours.
    """
    if not facts.has_hours or facts.is_answer:
        return None
    reason: DeferReason = "quiet_hours"
    if _is_open(facts, facts.lawful_week):
        if facts.origin_week is None or _is_open(facts, facts.week):
            return None
        reason = "sequence_hours"
    opening = _opening(facts, facts.now, reason)
    if not (isinstance(opening, Defer) and opening.until == facts.now):
        return opening
    return _opening(facts, quiet_hours.closing(facts.now, facts.zones, facts.week), reason)


def _is_open(facts: Facts, week: quiet_hours.Week) -> bool:
    """Whether what leaves now arrives within these hours, as late as it may."""
    if quiet_hours.earliest_in(facts.now, facts.zones, week) != facts.now:
        return False
    return quiet_hours.closing(facts.now, facts.zones, week) - facts.now >= LEAST_LEFT


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
