"""MinhOS: forecasts, sizes and trades CME index futures by itself, and refuses to bet where it has no edge."""

import os

from minhos import _environment

__version__ = "0.1.0"

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
"""Read when ONNX Runtime is loaded: no report, no device id in the user's home.  Its own call is too late for both."""

_environment.find_packages()
