"""How the engine's codes read: why somebody left, why a step was skipped, why nobody entered."""

from collections.abc import Mapping

from crm.core.errors import N_
from crm.web.language import _

EXITS: Mapping[str, str] = {
    "replied": N_("they replied"),
    "booked": N_("booked"),
    "won": N_("won"),
    "lost": N_("lost"),
    "opted_out": N_("they opted out"),
    "stage_changed": N_("moved to another stage"),
    "by_hand": N_("ended by hand"),
    "restarted": N_("started anew"),
    "stopped": N_("the sequence stopped"),
    "finished": N_("all steps done"),
    "stopped_by_other": N_("another sequence stopped it"),
    "no_date": N_("the day that it was about is not set"),
}
SKIPPED: Mapping[str, str] = {
    "no_phone": N_("there is no phone number"),
    "no_email": N_("there is no email address"),
    "no_lead": N_("there is no lead"),
    "other_pipeline": N_("the lead is in another pipeline"),
    "already_there": N_("the lead is there already"),
    "by_hand": N_("somebody skipped it"),
    "no_owner": N_("the lead has no owner"),
    "nobody_here": N_("whoever was named works here no more"),
    "no_such_day": N_("no such day comes within a year"),
}
REFUSED: Mapping[str, str] = {
    "loop": N_("automations would go on starting each other"),
    "conditions": N_("its conditions were not met"),
    "once_only": N_("nobody enters it twice"),
    "already_in": N_("already in it"),
    "paused": N_("it was paused"),
    # By a campaign, which asks ahead.
    "no_address": N_("there is no address to send to"),
    "suppressed": N_("they opted out"),
    "no_consent": N_("they have not agreed to it"),
}
REENTRY: Mapping[str, str] = {
    "never": N_("Nobody enters it twice."),
    "after_end": N_("Whoever has left it may enter again."),
    "restart": N_("Entering again starts it anew at once."),
}


def exit_words(reason: str | None) -> str:
    """Return why somebody left, in the reader's language; nothing for a code unknown here."""
    return _(EXITS.get(reason or "", ""))


def skip_words(reason: str | None) -> str:
    """Return why a step was skipped; nothing where it was not."""
    if reason is not None and reason.startswith("condition_"):
        return _("its conditions were not met")
    return _(SKIPPED.get(reason or "", ""))


def refusal_words(reason: str) -> str:
    """Return why somebody was not let in."""
    return _(REFUSED.get(reason, ""))


def reentry_words(rule: str) -> str:
    """Return who may enter again."""
    return _(REENTRY.get(rule, ""))
