"""Ready sequences for people who booked, came, or decided against it."""

from automations.library.ready import Ready, text, until, wait
from crm.core.errors import N_

AFTERWARDS: tuple[Ready, ...] = (
    Ready(
        "booked",
        N_("Thank somebody who booked"),
        N_("A short text once the lead is booked, with whom to write to if something changes."),
        {"kind": "stage_entered", "stage": "Booked"},
        (wait(minutes=10), text("Ready: booked")),
        {
            "Ready: booked": {
                "en": "Thank you{% if first_name %}, {{ first_name }}{% endif %}. {{ clinic_name }}"
                " has you down. If something changes, just reply to this text.",
                "es": "Gracias{% if first_name %}, {{ first_name }}{% endif %}. {{ clinic_name }}"
                " tiene su hora anotada. Si algo cambia, responda a este mensaje.",
            },
        },
        exits=("lost", "opted_out"),
    ),
    Ready(
        "first_visit",
        N_("After the first visit"),
        N_("A thank-you the next morning, and a week later the question whether all is well."),
        {"kind": "stage_entered", "stage": "Became a patient"},
        (
            until("10:00"),
            text("Ready: thank you for coming"),
            wait(days=7),
            text("Ready: a week later"),
        ),
        {
            "Ready: thank you for coming": {
                "en": "Thank you for coming to {{ clinic_name }}"
                "{% if first_name %}, {{ first_name }}{% endif %}. If you have any questions, just"
                " reply to this text.",
                "es": "Gracias por venir a {{ clinic_name }}"
                "{% if first_name %}, {{ first_name }}{% endif %}. Si tiene preguntas, responda a"
                " este mensaje.",
            },
            "Ready: a week later": {
                "en": "Hi {{ first_name | default: 'there' }}, {{ clinic_name }} here. Was"
                " everything as you expected? We read every answer.",
                "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, le escribe"
                " {{ clinic_name }}. ¿Fue todo como esperaba? Leemos cada respuesta.",
            },
        },
        exits=("replied", "lost", "opted_out"),
        reentry="never",
    ),
    Ready(
        "stay_in_touch",
        N_("Stay in touch for three months"),
        N_("One text a month for people who are not ready yet; needs a consent to marketing."),
        {"kind": "stage_entered", "stage": "Contacted"},
        (
            wait(days=30),
            text("Ready: a month later"),
            wait(days=30),
            text("Ready: two months later"),
            wait(days=30),
            text("Ready: three months later"),
        ),
        {
            "Ready: a month later": {
                "en": "{{ clinic_name }}: are you still thinking about a visit? We write about once"
                " a month. Msg & data rates may apply. Reply HELP for help, STOP to opt out.",
                "es": "{{ clinic_name }}: ¿sigue pensando en una visita? Escribimos una vez al mes."
                " Pueden aplicarse tarifas. Responda HELP para ayuda, STOP para no recibir más.",
            },
            "Ready: two months later": {
                "en": "Hi {{ first_name | default: 'there' }}, {{ clinic_name }} here. If now is a"
                " better time, reply and we will find a day. Reply STOP to opt out.",
                "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, le escribe"
                " {{ clinic_name }}. Si ahora le va mejor, responda y buscaremos un día. Responda"
                " STOP para no recibir más.",
            },
            "Ready: three months later": {
                "en": "{{ clinic_name }}: this is our last note for now. Our door stays open. Reply"
                " any time, or STOP to opt out.",
                "es": "{{ clinic_name }}: este es nuestro último aviso por ahora. Nuestra puerta"
                " sigue abierta. Responda cuando quiera, o STOP para no recibir más.",
            },
        },
        exits=("replied", "booked", "won", "lost", "opted_out", "stage_changed"),
        reentry="never",
        message_class="marketing",
    ),
    Ready(
        "second_chance",
        N_("Ask once more after a loss"),
        N_("Three months after a lead was lost, one friendly text; needs a consent to marketing."),
        {"kind": "stage_entered", "stage": "Lost"},
        (wait(days=90), until("10:30", "tuesday"), text("Ready: once more")),
        {
            "Ready: once more": {
                "en": "Hi {{ first_name | default: 'there' }}, {{ clinic_name }} here. Some time"
                " ago you asked about a visit. May we help now? We write once. Msg & data rates"
                " may apply. Reply HELP for help, STOP to opt out.",
                "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, le escribe"
                " {{ clinic_name }}. Hace un tiempo preguntó por una visita. ¿Podemos ayudarle"
                " ahora? Es nuestro único aviso. Pueden aplicarse tarifas. Responda HELP para"
                " ayuda, STOP para no recibir más.",
            },
        },
        exits=("replied", "booked", "won", "opted_out", "stage_changed"),
        reentry="never",
        message_class="marketing",
    ),
)
