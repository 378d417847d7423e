"""Verbs of messaging: queue and void texts, publish templates, add senders, lift holds."""

from crm.messaging.actions.calls import log_call, remove_call
from crm.messaging.actions.holding import hold_sends, release_sends
from crm.messaging.actions.opting_out import opt_out_told_staff
from crm.messaging.actions.overtaking import withdraw_overtaken
from crm.messaging.actions.queuing import OutboundText, queue_texts, release_held, void_texts
from crm.messaging.actions.setup import (
    add_sender,
    add_template,
    new_template,
    pause_account,
    resume_account,
    resume_sending,
    resume_template,
    save_template,
)
from crm.messaging.actions.staff import AlreadyLeft, OptedOut, When, send_staff_text, withdraw_text

__all__ = [
    "AlreadyLeft",
    "OptedOut",
    "OutboundText",
    "When",
    "add_sender",
    "add_template",
    "hold_sends",
    "log_call",
    "new_template",
    "opt_out_told_staff",
    "pause_account",
    "queue_texts",
    "release_held",
    "release_sends",
    "remove_call",
    "resume_account",
    "resume_sending",
    "resume_template",
    "save_template",
    "send_staff_text",
    "void_texts",
    "withdraw_overtaken",
    "withdraw_text",
]
