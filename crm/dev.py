"""`frontdesk dev`: everything in one process, with bundled servers where none are configured."""

import contextlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import uvicorn
from sqlalchemy.exc import ProgrammingError

from crm import embedded, seed
from crm.app import create_app
from crm.core import migrating
from crm.core.clock import Clock
from crm.core.logging import configure_logging
from crm.core.runtime import Runtime
from crm.core.settings import Settings
from crm.runtime import build_runtime, ring_redis
from workers.broker import QUEUES
from workers.main import scheduling, working

LOGIN = "frontdesk"
DATABASE = "frontdesk"
_DAY_STARTS, _DAY_ENDS = time(9), time(17)
_DEMO_HOUR = time(10)


_MISSING = ("42P01", "42703")
"""What PostgreSQL says of a table or a column that is not there."""


class OtherTables(RuntimeError):
    """The database stands at our revision, and its tables are not ours: nothing can mend that."""


def say(line: str) -> None:
    """Print a line of progress at once."""
    print(line, flush=True)  # noqa: T201


def serve(settings: Settings) -> None:
    """Serve until Ctrl-C or SIGTERM; what is missing is started, migrated and seeded first."""
    configure_logging(
        "WARNING" if settings.log_level == "INFO" else settings.log_level, pretty=True
    )
    with ExitStack() as stack:
        if settings.database_url is None or settings.redis_url is None:
            say("Starting the bundled PostgreSQL and Valkey ...")
            start_servers(settings, stack)
        assert settings.database_url is not None
        say("Bringing the database up to date ...")
        owner = settings.migrate_database_url or settings.database_url
        migrating.upgrade(owner, login=migrating.login_of(settings.database_url))
        doorbell = ring_redis(settings)
        runtime = build_runtime(settings, doorbell=doorbell, clock=demo_clock(settings))
        stack.callback(runtime.close)
        if settings.is_demo:
            make_demo(runtime)
        app = create_app(runtime, beside=lambda: beside(runtime))
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
        Announcing(config, settings).run()


def make_demo(runtime: Runtime) -> None:
    """Make the demo clinic where it is missing. Raises OtherTables for data of another version."""
    if not seed.is_seeded(runtime.settings):
        say("Making the demo clinic ...")
    try:
        seed.seed(runtime)
    except ProgrammingError as fault:
        if getattr(fault.orig, "sqlstate", None) not in _MISSING:
            raise
        raise OtherTables(
            f"The data in {runtime.settings.frontdesk_data} was made by a version from before the"
            " first release, with other tables. Move that folder away, or name a new one in"
            " FRONTDESK_DATA (or a new database in DATABASE_URL), and start again."
        ) from None


def start_servers(settings: Settings, stack: ExitStack) -> None:
    """Start the bundled servers that are not configured, and make the database."""
    wants_postgres, wants_valkey = settings.database_url is None, settings.redis_url is None
    servers = stack.enter_context(
        embedded.start(settings.frontdesk_data, postgres=wants_postgres, valkey=wants_valkey)
    )
    if wants_postgres:
        migrating.make_database(servers.admin_url, DATABASE, LOGIN)
        settings.database_url = servers.url(DATABASE, LOGIN)
    if wants_valkey:
        settings.redis_url = servers.redis_url


@contextmanager
def beside(runtime: Runtime) -> Iterator[None]:
    """Run a worker and the scheduler in this process while the web serves."""
    threads = runtime.settings.worker_threads
    with (
        working(runtime, QUEUES, threads),
        scheduling(runtime, runtime.database.doorbell, slots=threads),
    ):
        yield


class Announcing(uvicorn.Server):
    """A server that says in one line where it serves, once it does."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self.settings = settings

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Bind, then announce; a taken port ends the process with a word on what to do."""
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            say(announcement(self.settings))


def announcement(settings: Settings) -> str:
    """Return the line that names the address, and in the demo who can sign in."""
    line = f"Frontdesk serves {settings.base_url}"
    if settings.is_demo:
        owner = seed.read(settings)["users"][0]
        line += f" - sign in as {owner['email']} with {owner['password']}"
    return line


def stored_clock(settings: Settings) -> Clock:
    """Return the clock that the demo in the data folder goes by, or the configured offset."""
    if settings.is_demo and not settings.clock_offset:
        with contextlib.suppress(FileNotFoundError):
            words = (settings.frontdesk_data / "clock.json").read_text()
            return Clock(timedelta(seconds=json.loads(words)["offset_seconds"]))
    return Clock(settings.clock_offset)


def demo_clock(settings: Settings) -> Clock:
    """Return the demo's clock: 10:00 of the clinic's day at the first start, never backwards.

    A later start in the demo's working hours goes on from where it was; otherwise it skips to the
    next morning, so that quiet hours do not hold what somebody came to see.
    """
    if not settings.is_demo or settings.clock_offset:
        return Clock(settings.clock_offset)
    path = settings.frontdesk_data / "clock.json"
    offset = stored_clock(settings).offset
    here = datetime.now(ZoneInfo(seed.TIMEZONE)) + offset  # noqa: TID251 - no database yet
    if not path.exists() or not _DAY_STARTS <= here.time() < _DAY_ENDS:
        offset += _next_morning(here) - here
        _write(path, json.dumps({"offset_seconds": offset.total_seconds()}))
    return Clock(offset)


def _next_morning(here: datetime) -> datetime:
    day = here.date() if here.time() <= _DEMO_HOUR else here.date() + timedelta(days=1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return datetime.combine(day, _DEMO_HOUR, here.tzinfo)


def _write(path: Path, words: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(words)
    fresh.rename(path)
