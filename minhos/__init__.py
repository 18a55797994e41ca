"""MinhOS: forecasts, sizes and trades CME index futures by itself, and refuses to bet where it has no edge."""

__version__ = "0.1.0"

from minhos import _environment

_environment.find_packages()
