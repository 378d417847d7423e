"""What came of each step, counted for the people who entered last."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from automations.building.reading import open_automation
from automations.figures import Figures, figures_of
from crm.compliance.events import AddressSuppressed
from crm.core.clock import Clock
from crm.core.uow import UnitOfWork
from crm.messaging.events import TextReceived
from crm.messaging.models import Communication
from tests.automations.conftest import CREATED, DAY, SEND, Practice

EXITS = ["replied", "booked", "opted_out"]


def figures(practice: Practice, automation_id: UUID) -> Sequence[Figures]:
    def read(uow: UnitOfWork) -> Sequence[Figures]:
        return list(figures_of(uow, open_automation(uow, automation_id)).values())

    counted: Sequence[Figures] = practice.do(read)
    return counted


def answer(practice: Practice, text: Communication) -> None:
    """Let whoever got a text answer it."""
    about = {"address_id": text.address_id, "contact_id": text.contact_id, "lead_id": text.lead_id}
    more = {"direction": "in", "status": "received", "message_class": "care"}

    def come(uow: UnitOfWork) -> None:
        uow.add(Communication(dedupe_key=str(uuid4()), created_at=uow.now, **about, **more))

    practice.do(come)
    said = {"communication_id": uuid4(), "conversation_id": uuid4()}
    practice.emit(TextReceived(order_key=text.address_id, **about, **said))
    practice.work()


def test_each_step_tells_what_left_and_what_followed_its_message(
    practice: Practice, clock: Clock
) -> None:
    automation = practice.publish("A", CREATED, SEND, DAY, SEND, exits=EXITS)
    leads = [practice.lead(practice.person(f"+121255501{n:02}")) for n in range(4)]
    practice.work()
    texts = practice.texts()
    for text in texts:
        practice.settle(text, "delivered")
    practice.work()
    answer(practice, next(one for one in texts if one.lead_id == leads[0]))
    practice.move(leads[1], "Booked")
    practice.work()
    clock.advance(days=1, hours=1)
    practice.work()
    [later, lost] = [text for text in practice.texts() if text.status == "queued"]
    practice.settle(later, "sent")
    practice.settle(lost, "failed")
    practice.work()
    # Also one who answers and books after the sequence has come to its end.
    answer(practice, later)
    assert later.lead_id is not None
    practice.move(later.lead_id, "Booked")
    practice.work()

    assert figures(practice, automation.id) == [
        Figures(sent=4, delivered=4, replied=1, booked=1),
        Figures(sent=1, failed=1, replied=1, booked=1),
    ]


def test_who_opts_out_is_told_apart_from_who_answers(practice: Practice) -> None:
    automation = practice.publish("A", CREATED, SEND, DAY, exits=EXITS)
    practice.lead(practice.person())
    practice.work()
    [text] = practice.texts()
    practice.settle(text, "delivered")
    practice.work()
    practice.emit(
        AddressSuppressed(
            order_key=text.address_id, address_id=text.address_id, channel="sms", reason="stop"
        )
    )
    answer(practice, text)

    assert figures(practice, automation.id) == [Figures(sent=1, delivered=1, opted_out=1)]
