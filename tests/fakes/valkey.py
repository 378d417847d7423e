"""A Valkey of a test's own, to be stopped, killed and started again."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import redis

from crm.embedded.programs import bundled_valkey
from tests.fakes.waiting import until


class ValkeyServer:
    """`TEST_REDIS_PROGRAM`, else the bundled Valkey, on a private Unix socket; a context."""

    def __init__(self) -> None:
        # A short path of its own: the name of a Unix socket holds about 100 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="valkey-"))
        self.socket = self.folder / "s"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "ValkeyServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        """Start the server and return once it answers."""
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", ""]
        self._process = subprocess.Popen(
            [
                os.environ.get("TEST_REDIS_PROGRAM") or bundled_valkey(),
                *options,
                "--appendonly",
                "no",
                "--dir",
                str(self.folder),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self._answers, what="Valkey did not start.")

    def stop(self) -> None:
        """Kill the server, if it runs; its data are gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False
