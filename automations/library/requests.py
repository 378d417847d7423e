"""Ready sequences for people who asked and have no appointment yet."""

from automations.library.ready import Ready, text, until, wait
from crm.core.errors import N_

REQUESTS: tuple[Ready, ...] = (
    Ready(
        "new_request",
        N_("Answer a new request"),
        N_("A text at once, a second a day later, a third after four days; it ends on a reply."),
        {"kind": "lead_created"},
        (
            text("Ready: request received"),
            wait(days=1),
            text("Ready: still here to help"),
            wait(days=3),
            text("Ready: last note"),
        ),
        {
            "Ready: request received": {
                "en": "Hi {{ first_name | default: 'there' }}, this is {{ clinic_name }}. Thank you"
                " for your request. Which day suits you best?",
                "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, le escribe"
                " {{ clinic_name }}. Gracias por su solicitud. ¿Qué día le conviene?",
            },
            "Ready: still here to help": {
                "en": "Hi {{ first_name | default: 'there' }}, {{ clinic_name }} again. We would"
                " still like to find a time for you. Just reply with a day that suits you.",
                "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, otra vez"
                " {{ clinic_name }}. Queremos encontrarle una hora. Responda con el día que le"
                " convenga.",
            },
            "Ready: last note": {
                "en": "Hi {{ first_name | default: 'there' }}, {{ clinic_name }} here. This is our"
                " last note about your request. Reply any time and we will find a time for you.",
                "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, le escribe"
                " {{ clinic_name }}. Este es nuestro último aviso sobre su solicitud. Responda"
                " cuando quiera y le buscaremos una hora.",
            },
        },
    ),
    Ready(
        "next_morning",
        N_("Answer in the morning"),
        N_("For a desk that opens at nine: the first text waits for the next 9:05 am."),
        {"kind": "lead_created"},
        (until("09:05"), text("Ready: good morning"), wait(days=2), text("Ready: second morning")),
        {
            "Ready: good morning": {
                "en": "Good morning{% if first_name %} {{ first_name }}{% endif %}, this is"
                " {{ clinic_name }}. We got your request and are here today. When can we call you?",
                "es": "Buenos días{% if first_name %} {{ first_name }}{% endif %}, le escribe"
                " {{ clinic_name }}. Recibimos su solicitud y hoy estamos aquí. ¿Cuándo podemos"
                " llamarle?",
            },
            "Ready: second morning": {
                "en": "Hi {{ first_name | default: 'there' }}, {{ clinic_name }} here. Is there a"
                " day this week that suits you?",
                "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, le escribe"
                " {{ clinic_name }}. ¿Hay un día de esta semana que le convenga?",
            },
        },
    ),
    Ready(
        "asked_again",
        N_("Somebody asks again"),
        N_("Whoever asks a second time hears at once that the desk has seen it."),
        {"kind": "requested_again"},
        (text("Ready: asked again"),),
        {
            "Ready: asked again": {
                "en": "Hi {{ first_name | default: 'there' }}, {{ clinic_name }} here. We have your"
                " new message and will get back to you shortly.",
                "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, le escribe"
                " {{ clinic_name }}. Tenemos su nuevo mensaje y le responderemos en breve.",
            },
        },
        exits=("booked", "won", "lost", "opted_out"),
    ),
    Ready(
        "referral",
        N_("Welcome a referral"),
        N_("A warmer first text for people whom somebody sent, and one reminder."),
        {"kind": "lead_created", "source": "referral"},
        (text("Ready: welcome, referral"), wait(days=2), text("Ready: referral, second text")),
        {
            "Ready: welcome, referral": {
                "en": "Hi {{ first_name | default: 'there' }}, this is {{ clinic_name }}. We are"
                " glad you were sent to us. Which day suits you for a visit?",
                "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, le escribe"
                " {{ clinic_name }}. Nos alegra que nos hayan recomendado. ¿Qué día le conviene?",
            },
            "Ready: referral, second text": {
                "en": "Hi {{ first_name | default: 'there' }}, {{ clinic_name }} here. We kept some"
                " times free this week. Would one of the next days work for you?",
                "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, le escribe"
                " {{ clinic_name }}. Esta semana aún tenemos horas libres. ¿Le conviene alguno de"
                " los próximos días?",
            },
        },
    ),
    Ready(
        "ads",
        N_("Follow up on ads quickly"),
        N_("Three texts within two days for people who came through Google Ads."),
        {"kind": "lead_created", "source": "google_ads"},
        (
            text("Ready: from an ad"),
            wait(hours=4),
            text("Ready: from an ad, same day"),
            wait(days=1),
            text("Ready: from an ad, next day"),
        ),
        {
            "Ready: from an ad": {
                "en": "Hi {{ first_name | default: 'there' }}, {{ clinic_name }} here. Thanks for"
                " reaching out. Would you like a time this week?",
                "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, le escribe"
                " {{ clinic_name }}. Gracias por contactarnos. ¿Le gustaría una hora esta semana?",
            },
            "Ready: from an ad, same day": {
                "en": "{{ clinic_name }}: we can usually find a time within a few days. Mornings or"
                " afternoons for you?",
                "es": "{{ clinic_name }}: solemos encontrar una hora en pocos días. ¿Prefiere la"
                " mañana o la tarde?",
            },
            "Ready: from an ad, next day": {
                "en": "Hi {{ first_name | default: 'there' }}, {{ clinic_name }} once more. Reply"
                " with a day and we will do the rest.",
                "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, una vez más"
                " {{ clinic_name }}. Responda con un día y nosotros hacemos el resto.",
            },
        },
    ),
    Ready(
        "not_reached",
        N_("Not reached by phone"),
        N_("For the stage Contacted: two texts over four days for whoever did not pick up."),
        {"kind": "stage_entered", "stage": "Contacted"},
        (wait(hours=3), text("Ready: we tried to call"), wait(days=4), text("Ready: best time")),
        {
            "Ready: we tried to call": {
                "en": "Hi {{ first_name | default: 'there' }}, {{ clinic_name }} here. We tried to"
                " call you about your request. When is a good time?",
                "es": "Hola{% if first_name %} {{ first_name }}{% endif %}, le escribe"
                " {{ clinic_name }}. Intentamos llamarle por su solicitud. ¿A qué hora le"
                " conviene?",
            },
            "Ready: best time": {
                "en": "{{ clinic_name }}: shall we try again? Reply with a day and a time, or call"
                " us{% if clinic_phone %} at {{ clinic_phone }}{% endif %}.",
                "es": "{{ clinic_name }}: ¿lo intentamos de nuevo? Responda con un día y una hora,"
                " o llámenos{% if clinic_phone %} al {{ clinic_phone }}{% endif %}.",
            },
        },
        exits=("replied", "booked", "won", "lost", "opted_out", "stage_changed"),
    ),
)
