"""Benches of whole programs: `tests/bench NAME` builds the release binary and runs `python -m benches.NAME`."""
