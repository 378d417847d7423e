"""Two web processes and a worker over one database and one Redis, as the Procfile starts them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from uuid import UUID, uuid4

import httpx2

from crm.core.runtime import Runtime
from crm.web.csrf import SESSION_COOKIE
from tests.fakes.valkey import ValkeyServer
from tests.fakes.waiting import until
from tests.faults.practice import duration
from tests.faults.processes import command_of, free_port, spawn
from tests.support.browsing import hidden_fields
from tests.support.houses import NAME, PHONE, House

SOON = 60.0


@dataclass
class Web:
    """One web process."""

    port: int
    process: ForkServerProcess

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def serves(self) -> bool:
        """Say whether it answers."""
        assert self.process.exitcode is None, "the process ended"
        try:
            return httpx2.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False

    def get(self, path: str, cookie: str) -> httpx2.Response:
        """Get a page as whoever has this cookie."""
        return httpx2.get(self.url + path, headers={"Cookie": cookie}, timeout=30)

    def post(self, path: str, cookie: str, page: str, **fields: str) -> httpx2.Response:
        """Post a form, with the guards of a page that has one."""
        guards = hidden_fields(self.get(page, cookie).text, "csrf_token|page_clinic_id")
        headers = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin", "Origin": self.url}
        data = {**guards, **fields}
        return httpx2.post(self.url + path, data=data, headers=headers, timeout=30)

    def ends(self, seconds: float = SOON) -> int | None:
        """Tell the process to end; return how it ended, None if it did not."""
        assert self.process.pid is not None
        self.process.terminate()
        self.process.join(seconds)
        return self.process.exitcode


@dataclass
class Webs:
    """The processes, their Redis, and a clinic to live in."""

    house: House
    valkey: ValkeyServer
    folder: Path
    environment: dict[str, str]
    one: Web = field(init=False)
    two: Web = field(init=False)
    started: list[ForkServerProcess] = field(default_factory=list)

    def start(self) -> None:
        """Start both; return once they serve."""
        self.one, self.two = self._web("one"), self._web("two")
        until(lambda: self.one.serves() and self.two.serves(), seconds=SOON, every=0.05)

    def restart_two(self) -> None:
        """End the second one, and start it again at the same address."""
        assert self.two.ends() is not None
        self.two = self._web("two", self.two.port)
        until(self.two.serves, seconds=SOON, every=0.05)

    def _web(self, name: str, port: int | None = None) -> Web:
        port = port or free_port()
        return Web(port, self._spawn(command_of("web", port), name))

    def ask(self, phone: str = PHONE) -> UUID:
        """Ask the first one for an appointment, with consent; return the lead's id."""
        answer = httpx2.post(
            f"{self.one.url}/api/v1/appointment-requests",
            json={"name": NAME, "phone": phone, "consent": {"sms_care": True}},
            headers={
                "Authorization": f"Bearer {self.house.api_key}",
                "Idempotency-Key": str(uuid4()),
            },
            timeout=30,
        )
        assert answer.status_code == 202, answer.text
        return UUID(answer.json()["lead_id"])

    def start_worker(self) -> None:
        """Start a worker for all queues."""
        self._spawn(["frontdesk", "worker", "--queues", "urgent,default,bulk"], "worker")

    def _spawn(self, command: list[str], name: str) -> ForkServerProcess:
        process = spawn(command, self.environment, self.folder / f"{name}.log")
        self.started.append(process)
        return process

    def cookie(self, role: str = "front_desk") -> str:
        """Return the cookie of somebody who has just signed in."""
        return f"{SESSION_COOKIE}={self.house.signed_in(role).token}"  # type: ignore[arg-type]

    def stop(self) -> None:
        """End whatever still runs."""
        for process in self.started:
            process.kill()
        for process in self.started:
            process.join()
            process.close()


@contextmanager
def open_webs(house: House, runtime: Runtime, folder: Path) -> Iterator[Webs]:
    """Start two web processes for a clinic, with its clock and a Redis of their own."""
    settings = runtime.settings
    assert settings.database_url is not None
    with ValkeyServer() as valkey:
        environment = {
            "FRONTDESK_ENV": "demo",
            "FRONTDESK_DATA": str(folder),
            "DATABASE_URL": settings.database_url,
            "DATABASE_POOL": "8",
            "REDIS_URL": valkey.url,
            "PUBLIC_URL": "http://127.0.0.1",
            "ENCRYPTION_KEYS": settings.encryption_keys[0].get_secret_value(),
            "LOG_LEVEL": "WARNING",
            "CLOCK_OFFSET": duration(runtime.clock.offset),
        }
        webs = Webs(house, valkey, folder, environment)
        try:
            webs.start()
            yield webs
        finally:
            webs.stop()
