"""No more requests are let in than find a thread and a connection; pages keep out no STOP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from anyio.to_thread import current_default_thread_limiter
from httpx2 import ASGITransport, AsyncClient
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.web.middleware.admission import Admission, places
from tests.support.browsing import ORIGIN
from tests.support.houses import cheap_app, furnish


@dataclass
class Counter:
    """An application that serves until it is told to answer."""

    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    inside: list[str] = field(default_factory=list)
    linger: asyncio.Event | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.inside.append(request.url.path)
        if request.url.path == "/crash":
            raise ValueError
        await self.go_on.wait()
        await PlainTextResponse(await request.body())(scope, receive, send)
        if self.linger is not None:
            await self.linger.wait()


def _client(app: Admission) -> AsyncClient:
    transport = ASGITransport(app, raise_app_exceptions=False)
    return AsyncClient(transport=transport, base_url=ORIGIN, headers={"Accept": "application/json"})


def _run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await test()

    asyncio.run(bounded())


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0)


def test_pages_that_wait_keep_out_no_webhook() -> None:
    async def check() -> None:
        inner = Counter()
        async with _client(Admission(inner, admit=5)) as client:
            pages = [asyncio.create_task(client.get("/page")) for _ in range(20)]
            await _until(lambda: len(inner.inside) == 4)
            stop = asyncio.create_task(client.post("/webhooks/twilio/message", content=b"STOP"))
            await _until(lambda: "/webhooks/twilio/message" in inner.inside)
            assert inner.inside.count("/page") == 4
            inner.go_on.set()
            assert (await stop).text == "STOP"
            assert {answer.status_code for answer in await asyncio.gather(*pages)} == {200}

    _run(check)


@pytest.mark.parametrize("path", ["/page", "/api/v1/things", "/webhooks/x"])
def test_who_waits_too_long_is_told_when_to_come_again(path: str) -> None:
    async def check() -> None:
        inner = Counter()
        app = Admission(inner, admit=1, patience=0)
        async with _client(app) as client:
            first = asyncio.create_task(client.get(path))
            await _until(lambda: len(inner.inside) == 1)
            refused = await client.get(path)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            assert refused.json()["type"] == "urn:frontdesk:problem:unavailable"
            assert (await _free(inner, client)) == [200, 200]
            assert (await first).status_code == 200
            assert (await client.get(path)).status_code == 200

    _run(check)


async def _free(inner: Counter, client: AsyncClient) -> list[int]:
    """Ask for what needs no place while all are taken; then let everybody go on."""
    asked = [asyncio.create_task(client.get(path)) for path in ("/static/app.css", "/healthz")]
    await _until(lambda: {"/static/app.css", "/healthz"} <= set(inner.inside))
    inner.go_on.set()
    return [answer.status_code for answer in await asyncio.gather(*asked)]


def test_a_crash_leaves_its_place() -> None:
    async def check() -> None:
        inner = Counter()
        inner.go_on.set()
        async with _client(Admission(inner, admit=1, patience=0)) as client:
            for _ in range(3):
                assert (await client.get("/crash")).status_code == 500
            assert (await client.get("/page")).status_code == 200

    _run(check)


def test_a_slow_body_takes_no_place() -> None:
    async def check() -> None:
        inner, rest, begun = Counter(), asyncio.Event(), asyncio.Event()
        inner.go_on.set()

        async def body() -> AsyncIterator[bytes]:
            yield b"slow"
            begun.set()
            await rest.wait()
            yield b"ly"

        async with _client(Admission(inner, admit=1, patience=0)) as client:
            slow = asyncio.create_task(client.post("/slow", content=body()))
            await begun.wait()
            assert (await client.get("/page")).status_code == 200
            assert inner.inside == ["/page"]
            rest.set()
            assert (await slow).text == "slowly"

    _run(check)


def test_an_answer_that_begins_leaves_its_place() -> None:
    async def check() -> None:
        inner = Counter(linger=asyncio.Event())
        inner.go_on.set()
        async with _client(Admission(inner, admit=1)) as client:
            answers = [asyncio.create_task(client.get("/page")) for _ in range(3)]
            await _until(lambda: len(inner.inside) == 3)
            assert inner.linger is not None
            inner.linger.set()
            assert {one.status_code for one in await asyncio.gather(*answers)} == {200}

    _run(check)


@pytest.mark.parametrize(("pool", "admitted"), [(2, 1), (6, 5), (44, 36)])
def test_a_fifth_of_the_pool_is_kept_back(pool: int, admitted: int) -> None:
    assert places(pool) == admitted


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A pool that forty requests do not fit into."""
    return settings.model_copy(update={"database_pool": 6})


def test_many_pages_at_once_are_all_answered(runtime: Runtime, clinic: UUID) -> None:
    app = cheap_app(runtime)
    house = furnish(runtime, app, clinic)
    cookies = dict(house.signed_in().cookies)
    house.close()

    async def check() -> None:
        # As many as there are connections: each is held by a page that still needs a thread.
        current_default_thread_limiter().total_tokens = 6
        transport = ASGITransport(app, raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url=ORIGIN, cookies=cookies) as client:
            answers = await asyncio.gather(*(client.get("/pipeline") for _ in range(40)))
        assert [answer.status_code for answer in answers] == [200] * 40

    asyncio.run(check())
