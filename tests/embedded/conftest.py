"""A folder that everybody may enter, and who starts the servers in it."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.owners import ORDINARY, ROOT, Owner, copy_modules, ordinary_python


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that everybody may enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="embedded-test-", dir="/tmp"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


@pytest.fixture(params=["as this user", "as an ordinary user"] if os.geteuid() == 0 else ["self"])
def owner(request: pytest.FixtureRequest, shared_folder: Path) -> Owner:
    if request.param != "as an ordinary user":
        return Owner(sys.executable, os.pathsep.join([str(ROOT), *sys.path[1:]]), None)
    copy_modules(shared_folder / "modules")
    return Owner(ordinary_python(), str(shared_folder / "modules"), ORDINARY)


@pytest.fixture
def data(owner: Owner, shared_folder: Path) -> Path:
    """A private folder of the owner for the data."""
    path = shared_folder / "data"
    path.mkdir(mode=0o700)
    if owner.uid is not None:
        os.chown(path, owner.uid, owner.uid)
    return path
