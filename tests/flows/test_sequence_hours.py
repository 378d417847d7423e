"""The hours that a sequence keeps to, within those of the law and of the clinic."""

from tests.conftest import Drain
from tests.flows.test_limits import TEXT, publish
from tests.flows.test_one_voice import becomes, only
from tests.support.houses import House


def test_a_sequence_sends_at_its_own_hours_on_its_own_days(house: House, drain: Drain) -> None:
    workdays = ["monday", "tuesday", "wednesday", "thursday", "friday"]
    hours = {"sends_from": "09:00", "sends_until": "12:00", "sends_on": workdays}
    publish(house, "Follow-up", {"kind": "lead_created"}, TEXT, **hours)
    only(house, "Follow-up")
    house.set_clock("2027-02-05 15:00")  # A Friday.
    house.ask()
    drain()
    assert becomes(house) == {"Follow-up": ("queued", "sequence_hours")}
    house.set_clock("2027-02-08 09:20")
    drain()
    assert becomes(house) == {"Follow-up": ("sent", None)}
