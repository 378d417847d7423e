"""Alembic's migrations: expand, deploy, contract."""
