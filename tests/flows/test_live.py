"""What one process commits, the open pages of every other process are told of."""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from signal import SIGTERM
from uuid import UUID

import httpx2
import pytest

from crm.core.runtime import Runtime
from pipelines.models import Stage
from tests.fakes.waiting import until
from tests.support.houses import House
from tests.support.streams import CLOSED, HeardStream, listening
from tests.support.webs import Webs, open_webs

LONG = 3600.0
"""The age in seconds of a page that may have missed anything: it is told of all once at first."""


@pytest.fixture
def webs(house: House, runtime: Runtime, tmp_path: Path) -> Iterator[Webs]:
    """Two web processes."""
    with open_webs(house, runtime, tmp_path) as opened:
        yield opened


def move(webs: Webs, cookie: str, lead_id: UUID, name: str) -> httpx2.Response:
    """Move a lead at one process."""
    stages = {stage.name: str(stage.id) for stage in webs.house.all(Stage)}
    page = f"/leads/{lead_id}"
    return webs.one.post(f"{page}/move", cookie, page, to_stage_id=stages[name])


def test_a_write_in_one_process_is_told_by_the_others_stream(
    webs: Webs, other_house: House
) -> None:
    cookie = webs.cookie()
    stranger = f"__Host-frontdesk={other_house.signed_in().token}"
    with (
        listening(webs.two.url, cookie, "board", age=LONG) as board,
        listening(webs.two.url, stranger, "board") as other,
    ):
        board.until("board")  # All of it, once the process hears.
        lead_id = webs.ask()
        board.until("board", str(lead_id))
        with listening(webs.two.url, cookie, f"lead-{lead_id}") as lead:
            assert move(webs, cookie, lead_id, "Contacted").status_code == 303
            board.until("board", str(lead_id))
            lead.until(f"lead-{lead_id}")
        # It read everything once, when the process had just begun to hear; nothing since.
        told = [message for message in other.rest() if isinstance(message, dict)]
        assert [message["changed"] for message in told] in ([], [{"board": []}])


def test_what_a_worker_does_is_told_too(webs: Webs) -> None:
    cookie = webs.cookie()
    lead_id = webs.ask()
    with listening(webs.two.url, cookie, f"lead-{lead_id}", age=LONG) as lead:
        lead.until(f"lead-{lead_id}")
        before = len(webs.house.sent())
        webs.start_worker()
        until(lambda: len(webs.house.sent()) > before, seconds=60, every=0.05)
        lead.until(f"lead-{lead_id}")


def test_a_page_is_told_what_happened_before_it_listened(webs: Webs) -> None:
    cookie = webs.cookie()
    with listening(webs.two.url, cookie, "board", age=LONG) as board:
        board.until("board")
        lead_id = webs.ask()
        board.until("board", str(lead_id))
    with listening(webs.two.url, cookie, "board", age=30) as again:
        # Or all of it, where the process has not heard long enough to know.
        assert again.until("board")["changed"]["board"] in ([str(lead_id)], [])


def test_requests_and_streams_outlive_redis(webs: Webs) -> None:
    cookie = webs.cookie()
    lead_id = webs.ask()
    with listening(webs.two.url, cookie, "board", age=LONG) as board:
        board.until("board")  # It is told of everything once, when the process hears.
        webs.valkey.stop()
        assert move(webs, cookie, lead_id, "Contacted").status_code == 303
        assert webs.two.get("/pipeline", cookie).status_code == 200
        webs.valkey.start()
        # Whatever was missed meanwhile: everything is read again.
        while board.until("board")["changed"]["board"]:
            pass
        # And from then on what happens is told by its id, once both hear and tell again.
        stages = cycle(("Considering", "Contacted"))
        until(lambda: _is_told_by_id(webs, cookie, board, lead_id, next(stages)), seconds=60)


def _is_told_by_id(webs: Webs, cookie: str, board: HeardStream, lead_id: UUID, stage: str) -> bool:
    assert move(webs, cookie, lead_id, stage).status_code == 303
    told: list[str] = board.until("board")["changed"]["board"]
    assert told in ([], [str(lead_id)])
    return bool(told)


def test_a_stream_ends_with_its_process_which_ends_at_once(webs: Webs) -> None:
    cookie = webs.cookie()
    with listening(webs.two.url, cookie, "board") as board:
        assert webs.two.ends() == -SIGTERM
        while board.next() != CLOSED:
            pass
    said = (webs.folder / "two.log").read_text()
    assert "Application shutdown complete" in said
    assert "Cancel" not in said
    assert "Traceback" not in said
