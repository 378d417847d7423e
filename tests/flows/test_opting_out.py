"""STOP, START and HELP: at once, once, and for everything that is automated."""

from sqlmodel import col

from crm.compliance.models import Consent, Suppression
from tests.conftest import Drain
from tests.support.houses import PHONE, House


def test_stop_ends_everything_and_is_confirmed_once(house: House, drain: Drain) -> None:
    lead_id = house.ask()
    drain()
    house.receive("STOP")
    house.receive("stop")
    drain()

    [enrollment] = house.enrollments()
    assert (enrollment.state, enrollment.exit_reason) == ("ended", "opted_out")
    [first, answer] = house.sent(PHONE)
    assert "You will get no more texts from us" in answer
    assert "Riverside Dental" in answer
    assert len(house.all(Suppression, col(Suppression.lifted_at).is_(None))) == 1
    revoked = house.all(Consent, col(Consent.action) == "revoked")
    assert {one.purpose for one in revoked} == {"care", "marketing"}
    page = house.page(f"/leads/{lead_id}")
    assert "STOP" in page
    assert first in house.texts(PHONE)[0].body

    house.runtime.clock.advance(days=10)
    drain()
    assert len(house.texts(PHONE)) == 2


def test_stop_voids_what_waits_for_the_morning(house: House, drain: Drain) -> None:
    house.set_clock("2027-02-02 22:00")
    lead_id = house.ask()
    drain()
    house.receive("Stop.")
    drain()
    held, answer = house.texts(PHONE)
    assert (held.row.status, held.row.reason) == ("voided", "suppressed")
    # The confirmation is the one text that leaves at night: it is asked for and due at once.
    assert answer.row.message_class == "system"
    assert house.sent(PHONE) == [answer.body]
    assert "This number opted out." in house.page(f"/leads/{lead_id}")


def test_start_lifts_a_stop_and_yes_does_not(house: House, drain: Drain) -> None:
    house.ask()
    drain()
    house.receive("STOP")
    drain()
    house.receive("YES")
    drain()
    assert len(house.all(Suppression, col(Suppression.lifted_at).is_(None))) == 1
    assert len(house.sent(PHONE)) == 2

    house.receive("START")
    drain()
    assert house.all(Suppression, col(Suppression.lifted_at).is_(None)) == []
    assert "You will get our texts again" in house.sent(PHONE)[-1]
    # What had ended stays ended; a new request starts again.
    house.runtime.clock.advance(days=10)
    drain()
    assert len(house.texts(PHONE)) == 3


def test_who_stopped_is_not_texted_for_a_new_request_and_the_lead_says_why(
    house: House, drain: Drain
) -> None:
    house.ask()
    drain()
    house.receive("STOP")
    drain()
    lead_id = house.ask(service="Orthodontics")
    house.move(lead_id, "Contacted")
    drain()
    house.runtime.clock.advance(days=2)
    drain()
    last = house.texts(PHONE)[-1]
    assert (last.row.status, last.row.reason) == ("blocked", "suppressed")
    assert "This number opted out." in house.page(f"/leads/{lead_id}")


def test_help_is_answered_and_ends_nothing(house: House, drain: Drain) -> None:
    house.ask()
    drain()
    house.receive("HELP")
    drain()
    assert "For help, contact us at" in house.sent(PHONE)[-1]
    assert [one.state for one in house.enrollments()] == ["live"]


def test_a_copy_of_a_text_changes_nothing(house: House, drain: Drain) -> None:
    house.ask()
    drain()
    one = house.receive("STOP", provider_id="SM1")
    assert house.receive("STOP", provider_id="SM1") == one
    drain()
    assert len(house.texts(direction="in")) == 1
    assert len(house.sent(PHONE)) == 2
