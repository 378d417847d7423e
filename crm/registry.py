"""The explicit tuples: everything that plugs in is named here, once."""

from fastapi import APIRouter

from automations import consumers as automations_consumers
from automations import models as automations_models
from automations import pages as automations_pages
from automations import timeline as automations_timeline
from automations.building import pages as builder_pages
from automations.building import people_pages, whole_pages
from automations.campaigns import models as campaigns_models
from automations.campaigns import pages as campaigns_pages
from automations.campaigns.performing import CAMPAIGNS
from automations.clocks import timeline as clocks_timeline
from automations.clocks.looking import CLOCKS
from automations.explain import pages as explain_pages
from automations.gate_facts import origin_facts
from automations.references import sequences_with_stage
from automations.runner import ENROLLMENTS
from crm.accounts import models as accounts_models
from crm.accounts import pages as accounts_pages
from crm.accounts import timeline as accounts_timeline
from crm.accounts.alarms import Alarm, Count, Watched
from crm.accounts.frame import NavEntry
from crm.compliance import models as compliance_models
from crm.compliance import timeline as compliance_timeline
from crm.contacts import models as contacts_models
from crm.core.deliveries import DELIVERIES
from crm.core.errors import N_
from crm.core.events import Consumer
from crm.core.models import Chained
from crm.core.runtime import FactSource, Job, LeadPanel, StageUse
from crm.core.work import Work
from crm.messaging import (
    email_pages,
    sandbox_pages,
    template_pages,
    trying_pages,
    unsubscribe_pages,
)
from crm.messaging import models as messaging_models
from crm.messaging import pages as messaging_pages
from crm.messaging import queries as messaging_queries
from crm.messaging import timeline as messaging_timeline
from crm.messaging.sending import COMMUNICATIONS
from crm.messaging.settling import SETTLEMENTS
from crm.privacy import models as privacy_models
from crm.web.live import Topic
from crm.web.timeline import Authors, TimelineSource
from pipelines import consumers as pipelines_consumers
from pipelines import models as pipelines_models
from pipelines import settings_pages as pipelines_settings
from pipelines import timeline as pipelines_timeline
from pipelines.board import move_pages as board_move_pages
from pipelines.board import pages as board_pages
from pipelines.facts import lead_facts
from pipelines.intake import pages as intake_pages
from pipelines.lead import consumers as lead_consumers
from pipelines.lead import models as lead_models
from pipelines.lead import pages as lead_pages
from pipelines.lead import timeline as lead_timeline
from pipelines.notices import models as notices_models
from pipelines.notices import pages as notices_pages
from pipelines.notices import queries as notices_queries
from pipelines.search import pages as search_pages
from pipelines.tasks import models as tasks_models
from pipelines.tasks import pages as tasks_pages
from pipelines.tasks import queries as tasks_queries
from pipelines.tasks import timeline as tasks_timeline
from webhooks import intake, sendgrid, twilio
from webhooks import models as webhooks_models
from webhooks import pages as webhooks_pages
from webhooks.again import WEBHOOKS
from workers import chaining, health, invariants
from workers import pages as work_pages

MODELS = (
    accounts_models,
    contacts_models,
    compliance_models,
    messaging_models,
    privacy_models,
    pipelines_models,
    tasks_models,
    notices_models,
    lead_models,
    automations_models,
    campaigns_models,
    webhooks_models,
)

CONSUMERS: tuple[Consumer, ...] = (
    *pipelines_consumers.CONSUMERS,
    *automations_consumers.CONSUMERS,
    *lead_consumers.CONSUMERS,
)

WORK: tuple[Work, ...] = (
    *(DELIVERIES, ENROLLMENTS, COMMUNICATIONS, SETTLEMENTS, CLOCKS, CAMPAIGNS, WEBHOOKS),
)

FACT_SOURCES: tuple[FactSource, ...] = (lead_facts, origin_facts)

LEDGERS: tuple[type[Chained], ...] = (
    privacy_models.AuditEntry,
    compliance_models.ConsentWording,
    compliance_models.Consent,
)

JOBS: tuple[Job, ...] = (invariants.CHECK, chaining.chain_job(LEDGERS))

ROUTERS: tuple[APIRouter, ...] = (
    intake.router,
    accounts_pages.router,
    health.router,
    # Before the pages of one lead: /leads/new is none.
    intake_pages.router,
    board_pages.router,
    board_move_pages.router,
    tasks_pages.router,
    search_pages.router,
    notices_pages.router,
    pipelines_settings.router,
    lead_pages.router,
    # Before the pages of one sequence: /sequences/new is none.
    whole_pages.router,
    builder_pages.router,
    people_pages.router,
    automations_pages.router,
    campaigns_pages.router,
    explain_pages.router,
    messaging_pages.router,
    template_pages.router,
    trying_pages.router,
    email_pages.router,
    unsubscribe_pages.router,
    sandbox_pages.router,
    twilio.router,
    sendgrid.router,
    work_pages.router,
    webhooks_pages.router,
)

TIMELINE: tuple[TimelineSource, ...] = (
    pipelines_timeline.TIMELINE,
    tasks_timeline.TIMELINE,
    lead_timeline.NOTES,
    lead_timeline.CHANGES,
    automations_timeline.TIMELINE,
    clocks_timeline.TIMELINE,
    messaging_timeline.TEXTS,
    messaging_timeline.CALLS,
    compliance_timeline.TIMELINE,
)

AUTHORS: tuple[Authors, ...] = (accounts_timeline.AUTHORS, automations_timeline.AUTHORS)

LEAD_PANELS: tuple[LeadPanel, ...] = (tasks_pages.lead_panel, automations_pages.lead_panel)

BARS: tuple[str, ...] = ("pipelines/_top.html",)

TOPICS: tuple[Topic, ...] = (
    Topic(
        "board",
        "leads:read",
        # What a card shows; the steps of a sequence are not on it, and there are many.
        news=("lead.", "text.", "communication.", "task."),
        lists="lead_id",
    ),
    Topic("lead", "leads:read", of="lead_id"),
    Topic("contact", "leads:read", of="contact_id"),
    Topic("tasks", "leads:read", news=("task.",)),
    Topic("campaigns", "automations:read", news=("campaign.",)),
    Topic(
        "notices",
        "leads:read",
        news=("lead.created", "lead.requested_again", "text.received", "task.", "notice."),
    ),
)

STAGE_USES: tuple[StageUse, ...] = (sequences_with_stage,)

_YOU, _LEADS, _CLINIC = N_("You"), N_("Leads and texts"), N_("Clinic")

SETTINGS: tuple[NavEntry, ...] = (
    NavEntry(
        *(N_("Profile"), "/settings/profile", "profile", ""),
        group=_YOU,
        hint=N_("Your name, language, theme and password"),
    ),
    NavEntry(
        *(N_("Sessions"), "/settings/sessions", "sessions", ""),
        group=_YOU,
        hint=N_("The browsers that are signed in, and how to end that"),
    ),
    NavEntry(
        *(N_("Pipelines"), "/settings/pipelines", "pipeline", "pipelines:write"),
        group=_LEADS,
        hint=N_("The stages that leads move through"),
    ),
    NavEntry(
        *(N_("Lost reasons"), "/settings/lost-reasons", "lost", "pipelines:write"),
        group=_LEADS,
        hint=N_("Why a lead may be lost"),
    ),
    NavEntry(
        *(N_("Request forms"), "/settings/forms", "request", "pipelines:write"),
        group=_LEADS,
        hint=N_("What people are asked on your site, and what they agree to"),
    ),
    NavEntry(
        *(N_("Templates"), "/settings/templates", "template", "templates:write"),
        group=_LEADS,
        hint=N_("What texts and emails say, in English and Spanish"),
    ),
    NavEntry(
        *(N_("Team"), "/settings/team", "team", "members:write"),
        group=_CLINIC,
        hint=N_("Who works here, and as what"),
    ),
    NavEntry(
        *(N_("Texts"), "/settings/texts", "text", "settings:read"),
        group=_CLINIC,
        hint=N_("Hold and release automated texts, and the numbers they leave from"),
    ),
    NavEntry(
        *(N_("Emails"), "/settings/emails", "email", "settings:read"),
        group=_CLINIC,
        hint=N_("Where emails leave from, and the postal address that they name"),
    ),
    NavEntry(
        *(N_("Days off"), "/settings/days-off", "calendar", "settings:read"),
        group=_CLINIC,
        hint=N_("When the clinic is closed, beside weekends"),
    ),
    NavEntry(
        *(N_("API keys"), "/settings/api-keys", "key", "api_keys:write"),
        group=_CLINIC,
        hint=N_("For programs that send requests"),
    ),
    NavEntry(
        *(N_("Late work"), "/settings/work", "work", "ops:read"),
        group=_CLINIC,
        hint=N_("What waits too long or failed, with its cause and a way on"),
    ),
)

NAV: tuple[NavEntry, ...] = (
    NavEntry(N_("Pipeline"), "/pipeline", "pipeline", "leads:read"),
    NavEntry(N_("Tasks"), "/tasks", "tasks", "tasks:write", count="tasks"),
    NavEntry(
        *(N_("Sequences"), "/sequences", "sequences", "automations:read"), beside=("/campaigns",)
    ),
    NavEntry(N_("Phones"), "/sandbox", "sandbox", "sandbox:use", is_for_demo=True),
    NavEntry(N_("Settings"), "/settings", "settings", ""),
    *SETTINGS,
)

ALARMS: tuple[Alarm, ...] = (
    Alarm(messaging_queries.what_is_paused, "/settings/texts", "settings:write"),
)

COUNTS: dict[str, Count] = {
    "tasks": tasks_queries.due_today,
    "notices": notices_queries.unread,
}

WATCHED = Watched(ALARMS, COUNTS)
