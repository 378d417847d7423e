"""What browsers load that others wrote: taken from its packages at set-up, never committed.

`python -m crm.web.assets` builds it, and does nothing when nothing changed.
"""
