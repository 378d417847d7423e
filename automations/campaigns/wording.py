"""How campaigns read: their states, whom they are for, and what became of somebody."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from automations.campaigns.audience import Audience
from automations.campaigns.models import Campaign, Result, State
from automations.conditions.has_tag import HasTag
from automations.conditions.language_is import LanguageIs
from automations.conditions.source_is import SourceIs
from automations.conditions.stage_kind_is import StageKindIs
from automations.names import Names
from crm.core.errors import N_
from crm.web import formats
from crm.web.language import _, ngettext
from pipelines.sources import source_name

STATE_WORDS: Mapping[State, tuple[str, str]] = {
    "draft": (N_("Draft"), "blue"),
    "scheduled": (N_("Scheduled"), "blue"),
    "gathering": (N_("Gathering people"), "green"),
    "running": (N_("Running"), "green"),
    "paused": (N_("Paused"), "yellow"),
    "stopped": (N_("Stopped"), "plain"),
    "finished": (N_("Finished"), "plain"),
}
"""Each state in words, and the tone of its badge."""

RESULT_WORDS: Mapping[Result, str] = {
    "waiting": N_("Waits for their turn"),
    "entered": N_("Entered the sequence"),
    "no_address": N_("Has no address to send to"),
    "suppressed": N_("Opted out"),
    "no_consent": N_("Has not agreed to it"),
    "already_in": N_("Is in the sequence already"),
    "once_only": N_("Went through the sequence before"),
    "conditions": N_("Does not meet the sequence's conditions"),
    "loop": N_("Automations would go on starting each other"),
    "no_longer": N_("Is no longer among those it is for"),
    "merged": N_("Was merged into somebody else"),
    "stopped": N_("The campaign was stopped first"),
}

HAS: Mapping[str, str] = {"phone": N_("Has a phone number"), "email": N_("Has an email address")}


def audience_words(
    audience: Audience, names: Names, tags: Mapping[str, str], zone: ZoneInfo, now: datetime
) -> Iterator[str]:
    """Yield whom a campaign is for, one condition after another; `tags` are names by ids."""
    if audience.stage_ids:
        stages = formats.any_of(f"“{names.stage(one)}”" for one in audience.stage_ids)
        yield _("Stage is %(stages)s", stages=stages)
    if audience.stage_kind:
        yield StageKindIs(kinds=(audience.stage_kind,)).words(names)
    if audience.tag_id:
        tag = tags.get(str(audience.tag_id)) or _("no longer there")
        yield HasTag(tag=tag).words(names)
    if audience.source:
        yield SourceIs(sources=(source_name(audience.source),)).words(names)
    if audience.service:
        yield _("Service is “%(service)s”", service=audience.service)
    if audience.language:
        yield LanguageIs(language=audience.language).words(names)
    if audience.came_from:
        yield _("First came on %(day)s or later", day=_day(audience.came_from, zone, now))
    if audience.came_until:
        yield _("First came on %(day)s or before", day=_day(audience.came_until, zone, now))
    if audience.quiet_days:
        yield ngettext(
            "Not written to or called for %(num)s day",
            "Not written to or called for %(num)s days",
            audience.quiet_days,
        )
    if audience.has:
        yield _(HAS[audience.has])


def rate_words(campaign: Campaign) -> str:
    """Return how fast people enter."""
    if campaign.rate_per == "minute":
        return ngettext("%(num)s person a minute", "%(num)s people a minute", campaign.rate)
    return ngettext("%(num)s person an hour", "%(num)s people an hour", campaign.rate)


def result_words(result: str) -> str:
    """Return what became of somebody; nothing for a code unknown here."""
    return _(RESULT_WORDS.get(result, ""))  # type: ignore[call-overload]


def _day(day: date, zone: ZoneInfo, now: datetime) -> str:
    return formats.day(datetime.combine(day, time(12), zone), zone, now)
