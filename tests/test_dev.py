"""Starting the demo on data that is there already."""

import pytest
from sqlalchemy import create_engine, text

from crm import dev
from crm.core.runtime import Runtime


def test_data_with_other_tables_is_told_in_a_line_with_what_to_do(
    runtime: Runtime, owner_url: str
) -> None:
    engine = create_engine(owner_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE clinics DROP COLUMN clinic_daily_cap"))
    engine.dispose()

    with pytest.raises(dev.OtherTables) as told:
        dev.make_demo(runtime)

    assert str(runtime.settings.frontdesk_data) in str(told.value)
    assert "FRONTDESK_DATA" in str(told.value)
