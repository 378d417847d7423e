"""What texts leave through: one object per provider account, each behind the same protocol."""
