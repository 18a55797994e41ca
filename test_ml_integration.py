"""Is everything there, from data to order?  Prints "operational" with the status; not collected by pytest.

Example: python test_ml_integration.py
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "scripts"))
from _environment import command

if __name__ == "__main__":
    command("integration")
