"""How states and reasons of communications read on screen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from crm.core.errors import N_
from crm.web.language import _

Look = Literal["", "waiting", "unsaid", "lost"]


@dataclass(frozen=True)
class State:
    """A state's word, the tone and icon of its badge, and the look of what was said.

    Looks: "" is said, "waiting" is not said yet, "unsaid" never was, "lost" did not arrive.
    """

    word: str
    tone: str
    icon: str = "text"
    look: Look = ""


HELD = State(N_("Held"), "yellow", "held", "waiting")
STATES: Mapping[str, State] = {
    "queued": State(N_("Waiting"), "blue", "held", "waiting"),
    "sending": State(N_("Sending"), "blue", "text", "waiting"),
    "unconfirmed": State(N_("Unconfirmed"), "yellow", "held", "waiting"),
    "sent": State(N_("Sent"), "plain"),
    "delivered": State(N_("Delivered"), "green"),
    "undelivered": State(N_("Not delivered"), "red", "stop", "lost"),
    "failed": State(N_("Failed"), "red", "stop", "lost"),
    "blocked": State(N_("Not sent"), "red", "stop", "unsaid"),
    "voided": State(N_("Withdrawn"), "plain", "stop", "unsaid"),
    "received": State(N_("Received"), "plain"),
}

GAVE_UP = "gave_up"
"""Why who waited for a text that died goes on; its row stays queued for *Retry*."""

NEEDS_PERSON = "unconfirmed_needs_person"
"""Why a text is shown to a person, who alone can find out whether it was sent."""

NOT_SENT = "not_sent_says_person"

REASONS: Mapping[str, str] = {
    GAVE_UP: N_("Something went wrong on our side."),
    "suppressed": N_("This number opted out."),
    "no_consent": N_("Nobody agreed to texts at this number."),
    "quiet_hours": N_("It is too early or too late where the patient may be."),
    "sequence_hours": N_("Its sequence sends at other hours."),
    "hold": N_("The clinic holds all automated texts."),
    "daily_cap": N_("This number got its most texts for a day."),
    "clinic_daily_cap": N_("The clinic sent its most automated texts for a day."),
    "no_sender": N_("The clinic has no number to send from."),
    "weekly_cap": N_("This number got its most texts for a week without an answer."),
    "unknown_zone": N_("The patient's time zone is not known."),
    "text_too_long": N_("The text is too long."),
    "unreadable": N_("The template cannot be read."),
    "no_phone": N_("There is no phone number to text."),
    "no_email": N_("There is no email address."),
    "no_postal_address": N_("A marketing email names the clinic's postal address: there is none."),
    "origin_ended": N_("The sequence it belonged to ended."),
    "spoken_for": N_("Another sequence has just written to them about the same thing."),
    "other_voice": N_("Another sequence wrote to them a short while ago."),
    "outranked": N_("A more important text goes first."),
    "no_longer_useful": N_("It came too late to be of use."),
    "lead_closed": N_("The lead is closed."),
    "sender_paused": N_("The clinic's number is paused."),
    "sequence_paused": N_("Its sequence is paused."),
    "template_paused": N_("Carriers filter the words of its template: somebody has to look."),
    "not_textable": N_("This number cannot get texts."),
    NEEDS_PERSON: N_("The provider never said whether it was sent: please check."),
    "no_words": N_("The template says nothing for this person."),
    "provider_busy": N_("The provider was busy; it is tried again."),
    "provider_unavailable": N_("The provider took no texts for a day."),
    "provider_refused": N_("The provider refused it."),
    "provider_opted_out": N_("The provider says that this number opted out."),
    "content_refused": N_("The provider or a carrier refused its words."),
    NOT_SENT: N_("Somebody found out that it was not sent."),
    "sender_refused": N_("The provider does not let the clinic's number send."),
    "not_reached": N_("The phone could not be reached."),
    "once_more": N_("The first one did not arrive; it is tried once more."),
    "arrived_after_all": N_("The first one arrived after all."),
    "replied": N_("The patient answered."),
    "booked": N_("The lead is booked."),
    "won": N_("The lead is won."),
    "lost": N_("The lead is lost."),
    "opted_out": N_("The patient opted out."),
    "stage_changed": N_("The lead moved to another stage."),
    "by_hand": N_("Somebody ended it by hand."),
    "taken_back": N_("Somebody took it back."),
    "step_skipped": N_("Somebody skipped this step."),
}

EMAIL_REASONS: Mapping[str, str] = {
    "suppressed": N_("This email address opted out."),
    "no_consent": N_("Nobody agreed to emails of this kind at this address."),
    "hold": N_("The clinic holds all automated texts and emails."),
    "daily_cap": N_("This address got its most emails for a day."),
    "weekly_cap": N_("This address got its most emails for a week without an answer."),
    "no_sender": N_("The clinic has no email address to send from."),
    "text_too_long": N_("The email is too long."),
    "outranked": N_("A more important email goes first."),
    "sender_paused": N_("The clinic's email address is paused."),
    "not_textable": N_("This address cannot get emails."),
    "no_words": N_("The template is no email's, or says nothing for this person."),
    "provider_unavailable": N_("The provider took no emails for a day."),
    "content_refused": N_("The provider refused its words."),
    "sender_refused": N_("The provider does not let the clinic's address send."),
}
"""Where a reason reads otherwise of an email than of a text."""

CALLS: Mapping[str, tuple[str, str]] = {
    "completed": (N_("Talked"), "green"),
    "voicemail": (N_("Left a voicemail"), "blue"),
    "no-answer": (N_("No answer"), "yellow"),
    "busy": (N_("Busy"), "yellow"),
    "wrong-number": (N_("Wrong number"), "red"),
}
"""What came of a call: its word and tone."""


def call(outcome: str) -> tuple[str, str]:
    """Return what came of a call as people read it, and its tone."""
    word, tone = CALLS.get(outcome, (outcome, "plain"))
    return _(word), tone


PAUSES: Mapping[str, str] = {
    "401": N_("The provider refused the account's key: connect it again."),
    "403": N_("The provider does not let this account send from its address."),
    "404": N_("The provider does not know this account."),
    "20003": N_("The provider refused the account's token: connect it again."),
    "20404": N_("The provider does not know this account."),
    "30002": N_("The provider suspended the account."),
    "30024": N_("The number is not set up for texts yet."),
    "30034": N_("The number is not registered for texts to the USA."),
}
"""Why nothing leaves through an account, by the provider's code (TW-44)."""

OTHER_PAUSE = N_("The provider lets no texts leave from this number.")


def pause(code: str | None) -> str:
    """Return why an account is paused, as people read it."""
    return _(PAUSES.get(code or "", OTHER_PAUSE))


def state(status: str, held_reason: str | None = None) -> State:
    """Return how a status looks, its word in the reader's language."""
    known = (
        HELD if status == "queued" and held_reason else STATES.get(status, State(status, "plain"))
    )
    return replace(known, word=_(known.word))


def reason(code: str | None, channel: str = "sms") -> str:
    """Return a reason as people read it; an unknown code stays itself, since it still helps."""
    if not code:
        return ""
    if code.startswith("missing_value:"):
        return _("A value is missing: %(name)s.", name=code.partition(":")[2])
    known = {**REASONS, **EMAIL_REASONS} if channel == "email" else REASONS
    return _(known[code]) if code in known else code
