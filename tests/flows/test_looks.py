"""What became of a text is told by a word, an icon and the shape of its bubble, not by colour."""

import re
from html import unescape

from sqlalchemy import update
from sqlmodel import col

from crm.messaging.models import STATUSES, Communication
from crm.messaging.states import HELD, STATES
from pipelines.models import Lead
from tests.conftest import Drain
from tests.flows.test_limits import hold
from tests.support.houses import House


def shown(house: House) -> tuple[str, str, str]:
    """Return the classes, the badge and the note of the one text out on the lead's timeline.

    What has not left yet stands above it, too.
    """
    page = house.page(f"/leads/{house.all(Lead)[0].id}")
    [*_, item] = re.findall(r'<li class="(moment moment-out[^"]*)">(.*?)</li>', page, re.DOTALL)
    badge = re.search(r'<span class="badge[^>]*>(.*?)</span>', item[1])
    why = re.search(r'<p class="moment-why">(.*?)</p>', item[1])
    assert badge is not None
    return (
        item[0].removeprefix("moment moment-out").strip(),
        badge[1],
        unescape(why[1]) if why else "",
    )


def test_each_state_has_a_word_of_its_own() -> None:
    assert set(STATES) == set(STATUSES)
    words = [state.word for state in (*STATES.values(), HELD)]
    assert len(set(words)) == len(words)


def test_a_text_that_was_not_said_looks_unlike_one_that_was(house: House, drain: Drain) -> None:
    house.ask()
    drain()
    assert shown(house) == ("", "Sent", "")
    looks = {
        ("delivered", None): ("", "Delivered", ""),
        ("failed", "content_refused"): (
            "moment-lost",
            "Failed",
            "The provider or a carrier refused its words.",
        ),
        ("undelivered", None): ("moment-lost", "Not delivered", ""),
        ("blocked", "suppressed"): ("moment-unsaid", "Not sent", "This number opted out."),
        ("voided", "by_hand"): ("moment-unsaid", "Withdrawn", "Somebody ended it by hand."),
        ("unconfirmed", None): ("moment-waiting", "Unconfirmed", ""),
    }
    for (status, reason), look in looks.items():
        change = update(Communication).where(col(Communication.direction) == "out")
        house.do(
            lambda uow, change=change, status=status, reason=reason: uow.session.execute(
                change.values(status=status, reason=reason)
            )
        )
        assert shown(house) == look


def test_what_waits_says_in_its_own_word_whether_it_is_held(house: House, drain: Drain) -> None:
    hold(house, True)
    lead_id = house.ask()
    drain(most=10)
    page = house.page(f"/leads/{lead_id}")
    waiting = page[page.index("Waiting to be sent") : page.index(">Today<")]
    assert re.search(r'#held"></use></svg></span>.*badge bg-yellow-lt">Held<', waiting, re.DOTALL)
    assert "The clinic holds all automated texts." in waiting
