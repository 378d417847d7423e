"""The explicit tuples: everything that plugs in is named here, once."""

from fastapi import APIRouter

from automations import models as automations_models
from crm.accounts import models as accounts_models
from crm.compliance import models as compliance_models
from crm.contacts import models as contacts_models
from crm.core.deliveries import DELIVERIES
from crm.core.events import Consumer
from crm.core.runtime import FactSource, Job
from crm.core.work import Work
from crm.messaging import models as messaging_models
from crm.privacy import models as privacy_models
from pipelines import models as pipelines_models
from webhooks import models as webhooks_models
from workers import health, invariants

MODELS = (
    accounts_models,
    contacts_models,
    compliance_models,
    messaging_models,
    privacy_models,
    pipelines_models,
    automations_models,
    webhooks_models,
)

CONSUMERS: tuple[Consumer, ...] = ()

WORK: tuple[Work, ...] = (DELIVERIES,)

FACT_SOURCES: tuple[FactSource, ...] = ()

JOBS: tuple[Job, ...] = (invariants.CHECK,)

ROUTERS: tuple[APIRouter, ...] = (health.router,)
