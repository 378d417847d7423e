"""The files of the product, parsed once."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[2]
Node = TypeVar("Node", bound=ast.AST)
PACKAGES = ("crm", "pipelines", "automations", "workers", "webhooks")


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    def nodes(self, kind: type[Node]) -> Iterator[Node]:
        """Yield all nodes of a kind."""
        return (node for node in ast.walk(self.tree) if isinstance(node, kind))

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Yield all functions and methods."""
        yield from self.nodes(ast.FunctionDef)
        yield from self.nodes(ast.AsyncFunctionDef)

    def definitions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
        """Yield all functions, methods and classes."""
        yield from self.functions()
        yield from self.nodes(ast.ClassDef)

    def is_in(self, *places: str) -> bool:
        """Say whether the file is one of these, or lies in one of these folders (`workers/`)."""
        return any(
            self.path.startswith(place) if place.endswith("/") else self.path == place
            for place in places
        )

    def at(self, node: ast.AST, message: str) -> str:
        """Name a place and what is wrong there."""
        return f"{self.path}:{getattr(node, 'lineno', 1)} {message}"


@cache
def product() -> tuple[Source, ...]:
    """Read every Python file of the five packages."""
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return tuple(Source(path.relative_to(ROOT).as_posix(), path.read_text()) for path in files)


@cache
def our_files() -> tuple[Path, ...]:
    """List the files that belong to the project: tracked, or new and not ignored."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(path for name in listed.split("\0") if (path := ROOT / name).is_file())
