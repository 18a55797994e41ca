"""The helpers of this folder are found by their names, also as scripts; however pytest imports tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
