"""A stand-in for Twilio's and SendGrid's APIs in its own process, with a ledger of its own.

`python -m tests.fakes.provider --port 0 --ledger FILE` prints `ready PORT` and serves on
loopback until SIGTERM. `ProviderStandIn` starts and reads it from a test or a bench.
"""

import argparse
import asyncio
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Thread

import uvloop

from tests.fakes.provider_callbacks import Callbacks, signed_post
from tests.fakes.provider_http import HttpConnection
from tests.fakes.provider_ledger import Asked, CalledBack, Ledger, read_ledger
from tests.fakes.provider_service import CONTROL, Behaviour, Service
from tests.fakes.sendgrid import KEY

ACCOUNT_SID = "AC" + "0123456789abcdef" * 2
AUTH_TOKEN = "fedcba9876543210" * 2
_CHECKOUT = Path(__file__).resolve().parents[2]
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ProviderStandIn:
    """A running stand-in on a free loopback port; a context manager."""

    def __init__(self, ledger: Path | None = None, **behaviour: object) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="provider-"))
        self._path = ledger or self._folder / "ledger.jsonl"
        self._behaviour = behaviour
        self._process: subprocess.Popen[str] | None = None
        self.account_sid = ACCOUNT_SID
        self.auth_token = AUTH_TOKEN
        self.api_key = KEY
        self.url = ""

    def __enter__(self) -> "ProviderStandIn":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def start(self, port: int = 0) -> None:
        """Start the process and return once it serves; its ledger goes on where it ended."""
        options = ["--port", str(port), "--ledger", str(self._path), "--with-parent"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.provider", *options],
            cwd=_CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        ready = self._process.stdout.readline().split()
        if ready[:1] != ["ready"]:
            self.stop()
            raise RuntimeError("The provider stand-in did not start; see its standard error.")
        self.url = f"http://127.0.0.1:{ready[1]}"
        if self._behaviour:
            self.configure(**self._behaviour)

    def behaviour_at_start(self) -> dict[str, object]:
        """Return what `configure` takes to undo every change since the start."""
        accounts = {self.account_sid: self.auth_token}
        return asdict(Behaviour(accounts=accounts)) | self._behaviour

    def kill(self) -> None:
        """Kill the process (SIGKILL)."""
        assert self._process is not None
        self._process.kill()
        self._process.communicate()
        self._process = None

    def stop(self) -> None:
        """End the process; the ledger stays readable until the context ends."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.communicate()
        self._process = None

    def configure(self, **changes: object) -> None:
        """Change its `Behaviour` from now on; raises ValueError for a name it does not know."""
        request = urllib.request.Request(self.url + CONTROL, json.dumps(changes).encode())
        try:
            with _OPENER.open(request, timeout=10) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(json.load(error)["message"]) from None

    def ledger(self) -> list[Asked]:
        """Return the texts and emails it accepted, whatever its caller was told."""
        return [asked for asked in self.asked() if asked.is_accepted]

    def asked(self) -> list[Asked]:
        """Return every request to send that it read, accepted or not."""
        return read_ledger(self._path).asked

    def callbacks(self) -> list[CalledBack]:
        """Return every attempt to deliver a status callback."""
        return read_ledger(self._path).called

    def text_in(self, url: str, *, sender: str, to: str, body: str, sid: str) -> int:
        """Post a patient's text to our webhook, signed; return the HTTP status (TW-10)."""
        params = {
            "MessageSid": sid,
            "SmsSid": sid,
            "AccountSid": self.account_sid,
            "ApiVersion": "2010-04-01",
            "From": sender,
            "To": to,
            "Body": body,
            "NumMedia": "0",
            "NumSegments": "1",
            "SmsStatus": "received",
        }
        return signed_post(url, params, self.auth_token)


async def serve(port: int, path: Path, *, with_parent: bool) -> None:
    """Serve on loopback until SIGTERM or SIGINT, or until standard input ends."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    ledger = Ledger(path)
    # One writer: the threads of the callbacks hand their results to the loop.
    callbacks = Callbacks(
        lambda sid, status: _hand(loop, ledger.set_status, sid, status),
        lambda *called: _hand(loop, ledger.record_callback, CalledBack(*called)),
    )
    service = Service(ledger, callbacks, {ACCOUNT_SID: AUTH_TOKEN})
    server = await loop.create_server(
        lambda: HttpConnection(service.answer), "127.0.0.1", port, backlog=1024
    )
    sys.stdout.write(f"ready {server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    if with_parent:
        Thread(target=_await_parent, args=(loop, stopping), daemon=True).start()
    await stopping.wait()
    server.close()
    await asyncio.to_thread(callbacks.stop)
    ledger.close()


def _await_parent(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    sys.stdin.read()
    _hand(loop, stopping.set)


def _hand(loop: asyncio.AbstractEventLoop, function: object, *args: object) -> None:
    with suppress(RuntimeError):  # The loop is closed: the process is ending.
        loop.call_soon_threadsafe(function, *args)  # type: ignore[arg-type]


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--with-parent", action="store_true", help="end when stdin ends")
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.ledger, with_parent=options.with_parent))


if __name__ == "__main__":
    main()
