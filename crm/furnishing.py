"""What a new clinic starts with: a pipeline, reasons for a loss, a form and two sequences."""

from automations.seeds import seed_automations
from automations.sequences import pause
from crm.core.uow import UnitOfWork
from pipelines.actions import add_pipeline
from pipelines.intake import add_request_form
from pipelines.models import LostReason, RequestForm

STAGES = (
    ("New", "open"),
    ("Contacted", "open"),
    ("Considering", "open"),
    ("Booked", "booked"),
    ("Became a patient", "won"),
    ("Lost", "lost"),
)
LOST_REASONS = ("No answer", "Chose another clinic", "Too far away", "Price", "Not a real request")
SERVICES = ("Check-up and cleaning", "New patient visit", "Something else")


def furnish(uow: UnitOfWork, *, is_live: bool) -> RequestForm:
    """Give a clinic what it needs to take requests; return its form.

    The sequences are paused unless `is_live`: somebody reads them before they text patients.
    """
    pipeline = add_pipeline(uow, "New patients", STAGES, is_default=True)
    uow.add(*(LostReason(name=name, position=at) for at, name in enumerate(LOST_REASONS)))
    for automation in seed_automations(uow):
        if not is_live:
            pause(uow, automation.id)
    return add_request_form(uow, "Website", pipeline.id, SERVICES)
