"""The example of the settings names each of them, and no other."""

import re

from crm.core.settings import Settings
from tests.architecture.source import ROOT


def test_the_example_names_every_setting_and_no_other() -> None:
    named = re.findall(r"^#?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(name.upper() for name in Settings.model_fields)
