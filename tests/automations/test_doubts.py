"""Before publishing one is told which messages will probably not be sent, or not be understood."""

from collections.abc import Sequence

from automations.building.doubts import Doubt, doubts
from automations.building.reading import Opened, open_automation
from automations.building.tree import definition_of
from automations.changes import started_together
from automations.definitions import parse
from automations.models import Automation
from automations.references import with_ids
from crm.core.uow import UnitOfWork
from crm.messaging.actions import add_sender, add_template, pause_account
from crm.messaging.models import Sender
from tests.automations.conftest import CREATED, DAY, SEND, Practice

MAIL = {"kind": "send_email", "template": "Mail"}
SENDER = "+12125550100"


def told(practice: Practice, automation: Automation) -> Sequence[Doubt]:
    """Return what is in doubt of a sequence, as the page before publishing asks."""

    def ask(uow: UnitOfWork) -> list[Doubt]:
        opened: Opened = open_automation(uow, automation.id)
        definition = parse(with_ids(uow, definition_of(opened.document)[0]))
        others = started_together(uow, opened.id, definition)
        return doubts(uow, opened, definition, others)

    found: list[Doubt] = practice.do(ask)
    return found


def test_a_channel_without_a_number_or_with_a_paused_one_is_told(practice: Practice) -> None:
    practice.do(add_template, "Mail", {"en": "Hello"}, "care", {"en": "Your visit"})
    automation = practice.publish("A", CREATED, SEND, MAIL)
    text, email = told(practice, automation)
    assert text.reasons == ["The clinic has no number to send from."]
    assert email.reasons == ["The clinic has no email address to send from."]

    sender: Sender = practice.do(add_sender, "sandbox", SENDER)
    [email] = told(practice, automation)
    assert email.words == "Send the email “Mail”"
    practice.do(pause_account, sender.account_id, "30034")
    assert told(practice, automation)[0].reasons == ["The clinic's number is paused."]


def test_a_language_that_people_speak_and_a_template_lacks_is_told_with_their_number(
    practice: Practice,
) -> None:
    practice.do(add_sender, "sandbox", SENDER)
    automation = practice.publish("A", CREATED, SEND)
    practice.person(None)
    assert told(practice, automation) == []
    for _ in range(2):
        practice.person(None, "es")
    [doubt] = told(practice, automation)
    assert doubt.reasons == [
        "It says nothing in Spanish."
        " 2 of the last 3 people speak it and get it in another language."
    ]
    both = {"en": "Hi from {{ clinic_name }}", "es": "Hola de {{ clinic_name }}"}
    practice.do(add_template, "Hello", both)
    assert told(practice, automation) == []


def test_a_more_important_sequence_of_the_same_event_speaks_instead_on_its_channel(
    practice: Practice,
) -> None:
    practice.do(add_sender, "sandbox", SENDER)
    automation = practice.publish("A", CREATED, SEND, DAY, SEND, importance="marketing")
    practice.publish("Booked", CREATED, SEND, importance="appointment")
    # What is said a day later is asked about for itself.
    [doubt] = told(practice, automation)
    assert doubt.reasons == [
        "“Booked” is started by the same event and is more important: it speaks instead."
    ]
    practice.publish("Booked", CREATED, DAY, importance="appointment")
    assert told(practice, automation) == []
