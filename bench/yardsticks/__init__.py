"""The yardsticks: how the same work goes in the usual way. Frozen: a change needs an ADR.

Each runs alone, `python -m bench.yardsticks.NAME --help`, and prints what it measured as JSON.
"""
