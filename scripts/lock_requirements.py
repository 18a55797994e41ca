"""Write requirements/*.txt from requirements/*.in: every package with its version and hashes, for every platform.

    python scripts/lock_requirements.py            # keeps what is locked, adds and removes what the lists ask for
    python scripts/lock_requirements.py --upgrade  # takes the newest versions

It needs `uv` (pip install uv) and the package index.  PyTorch is left out: its CPU build is another file than the
ordinary package, so requirements/torch.txt pins its version only.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "requirements"
GROUPS = ("run", "train", "research", "test")
COMMAND = (
    "pip",
    "compile",
    "--universal",
    "--python-version",
    "3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-annotate",
    "--quiet",
    "--custom-compile-command",
    "python scripts/lock_requirements.py",
)


def main() -> int:
    uv = shutil.which("uv")
    if uv is None:
        print("uv is not there: pip install uv, then run this again.", file=sys.stderr)
        return 2
    for i, group in enumerate(GROUPS):
        agreeing = [word for name in GROUPS[:i] for word in ("--constraints", f"{name}.txt")]
        call = [uv, *COMMAND, *agreeing, *sys.argv[1:], f"{group}.in", "--output-file", f"{group}.txt"]
        code = subprocess.run(call, cwd=FOLDER, check=False).returncode
        if code:
            return code
        print(f"requirements/{group}.txt")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--upgrade"]):
        print(__doc__)
        raise SystemExit(0 if sys.argv[1] in ("-h", "--help") else 2)
    raise SystemExit(main())
