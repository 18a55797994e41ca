"""The alias `python -m minhos.services.trader` of the process that trades; it lives in `minhos.processes.trader`."""

from minhos.processes.process import begin
from minhos.processes.trader import main

__all__ = ["main"]

if __name__ == "__main__":
    begin("minhos.services.trader", main)
