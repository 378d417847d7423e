"""`frontdesk dev` as somebody runs it: a process with its servers, in a folder of its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import psutil

from tests.fakes.waiting import until
from tests.faults.processes import free_port

FRONTDESK = Path(sys.executable).parent / "frontdesk"
SOON = 60.0


class Demo:
    """One start of the demo; `stop` or `kill` ends it, and says whether anything was left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.log: IO[bytes] = (folder / "output.txt").open("ab")
        self.process = subprocess.Popen(
            [str(FRONTDESK), "dev"],
            env=self.environment,
            cwd=folder,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        until(self._serves, seconds=SOON, every=0.1)

    @property
    def environment(self) -> dict[str, str]:
        """What the process knows: no PATH but the system's bare one."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
            "FRONTDESK_DATA": str(self.folder / "data"),
            "FRONTDESK_ENV": "demo",
            "PORT": str(self.port),
            # What a killed worker held is free soon, and whether its texts left is asked soon.
            "LEASE_SECONDS": "10",
            "HEARTBEAT_SECONDS": "2",
            "UNCONFIRMED_ASK_AFTER": "5",
            "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", ""),
        }

    def _serves(self) -> bool:
        assert self.process.poll() is None, self.output()
        return f"Frontdesk serves http://127.0.0.1:{self.port}" in self.output()

    def output(self) -> str:
        """Return everything that this and earlier starts printed."""
        return (self.folder / "output.txt").read_text()

    def info(self) -> dict[str, Any]:
        """Return what `frontdesk demo-info` prints."""
        answer = subprocess.run(
            [str(FRONTDESK), "demo-info"],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            check=True,
            timeout=SOON,
        )
        known: dict[str, Any] = json.loads(answer.stdout)
        return known

    def family(self) -> list[psutil.Process]:
        """Return its processes: itself, the database's, the broker's."""
        one = psutil.Process(self.process.pid)
        return [one, *one.children(recursive=True)]

    def end(self, how: signal.Signals) -> list[psutil.Process]:
        """Send a signal to the one process and return what of its family outlives it."""
        family = self.family()
        assert len(family) > 2
        self.process.send_signal(how)
        self.process.wait(SOON)
        _gone, left = psutil.wait_procs(family, timeout=SOON)
        self.log.close()
        return left

    def clean_up(self) -> None:
        """End whatever still runs, after a test that failed."""
        if self.process.poll() is None:
            self.end(signal.SIGKILL)
