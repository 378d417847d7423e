"""Audit, export, erasure and retention."""
