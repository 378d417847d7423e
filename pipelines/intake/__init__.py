"""Intake: an appointment request becomes a contact, a consent and a lead, in one transaction."""

from pipelines.intake.accepting import Accepted, IdempotencyConflict, accept_requests
from pipelines.intake.arrived import AppointmentRequestIn, ConsentIn, IncomingRequest
from pipelines.intake.forms import (
    ShownForm,
    add_request_form,
    close_request_form,
    find_form,
)

__all__ = [
    "Accepted",
    "AppointmentRequestIn",
    "ConsentIn",
    "IdempotencyConflict",
    "IncomingRequest",
    "ShownForm",
    "accept_requests",
    "add_request_form",
    "close_request_form",
    "find_form",
]
