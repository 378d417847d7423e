"""The two sequences that every clinic starts with, and their texts in English and Spanish.

The texts name no treatment: whoever reads them over a shoulder learns only that a clinic wrote.
"""

from typing import Any

from automations.models import Automation
from automations.sequences import load_automation
from crm.core.uow import UnitOfWork
from crm.messaging.actions import add_template

TEMPLATES: dict[str, dict[str, str]] = {
    "New request: first text": {
        "en": "Hi {{ first_name | default: 'there' }}, this is {{ clinic_name }}. We got your"
        " request and will help you find a time. What day suits you best?",
        "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, le escribe {{ clinic_name }}."
        " Recibimos su solicitud y le ayudaremos a encontrar una hora. ¿Qué día le conviene?",
    },
    "New request: a day later": {
        "en": "Hi {{ first_name | default: 'there' }}, {{ clinic_name }} again. We would still"
        " like to find a time for you. Just reply with a day that suits you.",
        "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, otra vez {{ clinic_name }}."
        " Seguimos a su disposición para encontrar una hora. Responda con el día que le convenga.",
    },
    "New request: three days later": {
        "en": "Hi {{ first_name | default: 'there' }}, this is {{ clinic_name }}. This is our last"
        " note about your request. Reply any time and we will find a time for you.",
        "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, le escribe {{ clinic_name }}."
        " Este es nuestro último aviso sobre su solicitud. Responda cuando quiera y le buscaremos"
        " una hora.",
    },
    "Contacted: first reminder": {
        "en": "Hi {{ first_name | default: 'there' }}, this is {{ clinic_name }}. We tried to reach"
        " you about your request. When is a good time to call?",
        "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, le escribe {{ clinic_name }}."
        " Intentamos comunicarnos con usted por su solicitud. ¿Cuándo podemos llamarle?",
    },
    "Contacted: last reminder": {
        "en": "Hi {{ first_name | default: 'there' }}, {{ clinic_name }} here. We have not reached"
        " you yet. Reply to this text and we will find a time that suits you.",
        "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, le escribe {{ clinic_name }}."
        " Todavía no logramos comunicarnos con usted. Responda a este mensaje y buscaremos una"
        " hora que le convenga.",
    },
}

_EXITS = ["replied", "booked", "won", "lost", "opted_out", "stage_changed"]

NEW_REQUEST: dict[str, Any] = {
    "name": "New request follow-up",
    "trigger": {"kind": "lead_created"},
    "exits": _EXITS,
    "steps": [
        {"kind": "send_text", "template": "New request: first text"},
        {"kind": "wait_for", "days": 1},
        {"kind": "send_text", "template": "New request: a day later"},
        {"kind": "wait_for", "days": 3},
        {"kind": "send_text", "template": "New request: three days later"},
    ],
}

CONTACTED: dict[str, Any] = {
    "name": "Contacted, no answer",
    "trigger": {"kind": "stage_entered", "stage": "Contacted"},
    "exits": _EXITS,
    "steps": [
        {"kind": "wait_for", "days": 1},
        {"kind": "send_text", "template": "Contacted: first reminder"},
        {"kind": "wait_for", "days": 3},
        {"kind": "send_text", "template": "Contacted: last reminder"},
        {"kind": "stop"},
    ],
}

SEQUENCES = (NEW_REQUEST, CONTACTED)


def seed_automations(uow: UnitOfWork) -> list[Automation]:
    """Publish the seeded texts and sequences; the clinic has a default pipeline with "Contacted".

    Raises InvalidDefinition where it has none.
    """
    for name, bodies in TEMPLATES.items():
        add_template(uow, name, bodies)
    return [load_automation(uow, definition) for definition in SEQUENCES]
