"""Kills and faults against real processes, counted: `run`, by `minh.py bench faults`.  Not for simulated faults."""

from minhos.bench.faults.bench import run

__all__ = ["run"]
