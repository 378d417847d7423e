"""The table of notices: they are read from what happened, so only what was seen is kept."""

from datetime import datetime

from crm.core.models import ClinicScoped, DataClass, table_args


class NoticeMark(ClinicScoped, table=True):
    """Until when a user has seen what is new in a clinic; `id` is the user's."""

    __tablename__ = "notice_marks"
    __table_args__ = table_args()
    retention = DataClass.ACCOUNT

    seen_at: datetime
