"""One lead as the front desk works with it: its page, notes, tags, details and composer."""
