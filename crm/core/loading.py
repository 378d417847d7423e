"""The one lazy door: what is slow to import is loaded here, by name, when first needed."""

from importlib import import_module
from typing import Any


def load(dotted: str) -> Any:
    """Return the object that `package.module:name` names.

    Raises ImportError and AttributeError, as an import statement would.
    """
    module, _, name = dotted.partition(":")
    return getattr(import_module(module), name)
