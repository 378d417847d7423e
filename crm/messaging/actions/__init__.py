"""Verbs of messaging: queue and void texts, publish templates, add senders, lift holds."""

from crm.messaging.actions.holding import hold_sends, release_sends
from crm.messaging.actions.opting_out import opt_out_told_staff
from crm.messaging.actions.queuing import OutboundText, queue_texts, release_held, void_texts
from crm.messaging.actions.setup import (
    add_sender,
    add_template,
    pause_account,
    resume_account,
    resume_sending,
    resume_template,
)
from crm.messaging.actions.staff import OptedOut, send_staff_text

__all__ = [
    "OptedOut",
    "OutboundText",
    "add_sender",
    "add_template",
    "hold_sends",
    "opt_out_told_staff",
    "pause_account",
    "queue_texts",
    "release_held",
    "release_sends",
    "resume_account",
    "resume_sending",
    "resume_template",
    "send_staff_text",
    "void_texts",
]
