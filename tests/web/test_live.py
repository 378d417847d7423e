"""What an open page is told: news of its clinic and its topics, and all that it missed."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from crm.core.news import CHANNEL, MOST_TOLD, Announcement, News, decode
from crm.registry import TOPICS
from crm.web.live import Hub, Listener, changed_by, keys_of
from crm.web.live.hub import LATE_SECONDS, NEVER
from tests.support.servers import TestServers

CLINIC, OTHER = uuid4(), uuid4()
LEAD, CONTACT, LOGIN, PAGE = (uuid4() for _ in range(4))


def a_page(*words: str, clinic: UUID = CLINIC, client: UUID | None = None) -> Listener:
    """An open page that listens for these topics."""
    return Listener(clinic, LOGIN, keys_of(TOPICS, words), client)


async def told(listener: Listener) -> list[dict[str, object]]:
    """End a stream and return what it tells until then, without the beginning."""
    stream = listener.messages()
    first = (await anext(stream)).decode()
    assert first == "data: {}\n\n"
    heard = [await anext(stream)] if listener.has_news and not listener.is_over else []
    listener.end(is_signed_out=listener.is_signed_out)
    heard += [message async for message in stream]
    return [json.loads(message.decode().removeprefix("data: ")) for message in heard]


@pytest.mark.parametrize(
    ("news", "words"),
    [
        (News("lead.stage_changed", LEAD, CONTACT), {"board", f"lead-{LEAD}"}),
        (News("text.received", LEAD, CONTACT), {"board", f"lead-{LEAD}", "notices"}),
        (News("communication.delivery_reported", LEAD, CONTACT), {"board", f"lead-{LEAD}"}),
        (News("enrollment.step_taken", LEAD, CONTACT), {f"lead-{LEAD}"}),
        (News("text.received", None, CONTACT), {"notices"}),
        (News("lead.created", LEAD), {"board", f"lead-{LEAD}", "notices"}),
        (News("task.done"), {"tasks", "notices"}),
        (News("task.done", LEAD), {"tasks", "notices", "board", f"lead-{LEAD}"}),
        (News("template.paused"), set()),
    ],
)
def test_news_change_topics(news: News, words: set[str]) -> None:
    changed = changed_by(TOPICS, [news])
    contact = {f"contact-{CONTACT}"} if news.contact_id else set()
    assert changed.keys() == words | contact
    if "board" in changed:
        assert changed["board"] == {str(LEAD)}


def test_a_page_asks_for_topics_by_name() -> None:
    asked = ["board", f"lead-{LEAD}", "notices", "lead", "board-1", "other", f"other-{LEAD}", ""]
    assert keys_of(TOPICS, asked) == {"board", f"lead-{LEAD}", "notices"}


def test_an_announcement_travels_as_ids_and_is_bounded() -> None:
    news = [News("lead.created", uuid4()) for _ in range(MOST_TOLD)]
    full = Announcement.of(CLINIC, [*news, news[0]], PAGE)
    assert decode(full.encode()) == full
    assert len(full.news or ()) == MOST_TOLD
    over = Announcement.of(CLINIC, [*news, News("lead.created", uuid4())], None)
    assert over.news is None
    assert decode(over.encode()) == over


@pytest.fixture
def anyio_backend() -> str:
    """The loop of the product."""
    return "asyncio"


@pytest.fixture
async def hub(anyio_backend: str) -> AsyncIterator[Hub]:
    """A hub that is on the air; nobody announces but the test."""
    made = Hub(None, TOPICS, lambda clinic, logins: logins)
    async with made.running():
        made.start_anew()
        # Whoever comes is as late as what was heard at the start of the air: nothing was missed.
        made.complete_since -= 3600
        yield made


def announce(hub: Hub, *news: News, clinic: UUID = CLINIC, client: UUID | None = None) -> None:
    """Let a hub hear an announcement."""
    hub.hear(Announcement.of(clinic, news, client).encode())


@pytest.mark.anyio
async def test_a_page_is_told_of_its_topics_in_its_clinic(hub: Hub) -> None:
    board, lead, stranger = a_page("board"), a_page(f"lead-{LEAD}"), a_page("board", clinic=OTHER)
    other = uuid4()
    with hub.listening(board), hub.listening(lead), hub.listening(stranger):
        announce(hub, News("lead.stage_changed", LEAD), News("lead.created", other))
        announce(hub, News("enrollment.ended", other))
        assert await told(board) == [{"changed": {"board": sorted([str(LEAD), str(other)])}}]
        assert await told(lead) == [{"changed": {f"lead-{LEAD}": []}}]
        assert await told(stranger) == []
    assert hub.listeners() == []


@pytest.mark.anyio
async def test_the_page_that_did_it_is_not_told(hub: Hub) -> None:
    author, beside = a_page("board", client=PAGE), a_page("board", client=uuid4())
    with hub.listening(author), hub.listening(beside):
        announce(hub, News("lead.stage_changed", LEAD), client=PAGE)
        assert await told(author) == []
        assert len(await told(beside)) == 1


@pytest.mark.anyio
async def test_what_a_slow_page_misses_is_added_up_and_bounded(hub: Hub) -> None:
    page = a_page("board", f"lead-{LEAD}")
    with hub.listening(page):
        for _ in range(3):
            announce(hub, *(News("lead.created", uuid4()) for _ in range(MOST_TOLD // 2)))
        announce(hub, News("lead.stage_changed", LEAD))
        assert await told(page) == [{"changed": {"board": [], f"lead-{LEAD}": []}}]


@pytest.mark.anyio
async def test_what_was_too_much_to_list_changes_everything(hub: Hub) -> None:
    page, stranger = a_page("board", "notices"), a_page("board", clinic=OTHER)
    with hub.listening(page), hub.listening(stranger):
        announce(hub, *(News("lead.created", uuid4()) for _ in range(MOST_TOLD + 1)))
        assert await told(page) == [{"changed": {"board": [], "notices": []}}]
        assert await told(stranger) == []


@pytest.mark.anyio
async def test_a_page_is_told_what_happened_while_it_was_loaded(hub: Hub) -> None:
    announce(hub, News("lead.created", LEAD))
    announce(hub, News("lead.created", uuid4()), clinic=OTHER)
    page = a_page("board")
    with hub.listening(page):
        assert await told(page) == [{"changed": {"board": [str(LEAD)]}}]


@pytest.mark.anyio
async def test_a_page_older_than_what_is_known_reads_everything_again(hub: Hub) -> None:
    page = a_page("board")
    page.age = 2 * 3600
    with hub.listening(page):
        assert await told(page) == [{"changed": {"board": []}}]


@pytest.mark.anyio
async def test_the_first_page_of_a_process_is_told_what_it_missed_and_no_more(
    servers: TestServers,
) -> None:
    """Redis is real; until the first page comes, nobody but the process itself listens."""
    hub = Hub(servers.redis_url, TOPICS, lambda clinic, logins: logins)
    news = Announcement.of(CLINIC, [News("lead.created", LEAD)], None)
    async with Redis.from_url(servers.redis_url) as client, hub.running(), asyncio.timeout(10):
        while hub.complete_since == NEVER:
            await asyncio.sleep(0)
        hub.complete_since -= LATE_SECONDS  # The process has run for so long.
        await client.publish(CHANNEL, news.encode())
        page = a_page("board", "tasks")
        with hub.listening(page):
            stream = page.messages()
            await anext(stream)
            expected = {"changed": {"board": [str(LEAD)]}}
            assert (await anext(stream)).decode() == f"data: {json.dumps(expected)}\n\n"


@pytest.mark.anyio
async def test_after_a_gap_of_the_subscription_every_page_reads_again(hub: Hub) -> None:
    page = a_page("board")
    with hub.listening(page):
        hub.start_anew()
        assert await told(page) == [{"changed": {"board": []}}]


@pytest.mark.anyio
async def test_what_nobody_understands_is_left_aside(hub: Hub) -> None:
    page = a_page("board")
    with hub.listening(page):
        hub.hear(b'{"clinic_id": 1}')
        hub.hear(b"\xff")
        announce(hub, News("lead.created", LEAD))
        assert await told(page) == [{"changed": {"board": [str(LEAD)]}}]


@pytest.mark.anyio
async def test_pages_are_pinged_and_one_that_takes_nothing_is_dropped(hub: Hub) -> None:
    page = a_page("board")
    with hub.listening(page):
        stream = page.messages()
        await anext(stream)
        await hub.look_after()
        assert await anext(stream) == b"data: {}\n\n"
        for _ in range(2):
            await hub.look_after()
        assert page.is_over
        assert [message async for message in stream] == []


@pytest.mark.anyio
async def test_the_page_of_a_login_that_is_over_is_told_so(hub: Hub) -> None:
    hub.still_open = lambda clinic, logins: set()
    page = a_page("board")
    with hub.listening(page):
        await hub.look_after()
        assert await told(page) == [{"over": True}]


@pytest.mark.anyio
async def test_streams_end_with_the_hub_and_none_begins_after(hub: Hub) -> None:
    page = a_page("board")
    with hub.listening(page):
        hub.close()
        assert [message async for message in page.messages()][1:] == []
    late = a_page("board")
    with hub.listening(late):
        assert [message async for message in late.messages()][1:] == []
