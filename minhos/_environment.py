"""Lets `import minhos` work in a Python that can use the packages of the checkout's `.venv`, or says what to type.

Standard library only, and no syntax that an old Python cannot read.  It makes no environment: that is `minh.py`.
"""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
NEEDED = "msgspec"
"""A package that every room needs: where it is, the others are."""


def find_packages():  # type: () -> None
    """Append the packages of `.venv` to sys.path where this Python can use them and has none of its own.

    Raises ImportError, with the command to type, where it cannot; under `python -m` that sentence and exit code 2.
    """
    if not _is_here():
        version = _version_of(VENV)
        folder = _packages_of(VENV)
        if version == sys.version_info[:2] and _loads_extensions() and os.path.isdir(folder) and folder not in sys.path:
            sys.path.append(folder)
        if not _is_here():
            _refuse(version)


def _is_here():  # type: () -> bool
    try:
        __import__(NEEDED)
    except ImportError:
        return False
    return True


def _version_of(venv):  # type: (str) -> tuple[int, int] | None
    """Of an environment's Python, such as (3, 11); None where there is no environment."""
    try:
        with open(os.path.join(venv, "pyvenv.cfg")) as file:
            found = re.search(r"^version(?:_info)?\s*=\s*(\d+)\.(\d+)", file.read(), re.MULTILINE)
    except (OSError, UnicodeError):
        return None
    return (int(found.group(1)), int(found.group(2))) if found else None


def _packages_of(venv):  # type: (str) -> str
    if os.name == "nt":
        return os.path.join(venv, "Lib", "site-packages")
    return os.path.join(venv, "lib", "python%d.%d" % sys.version_info[:2], "site-packages")


def _loads_extensions():  # type: () -> bool
    """Whether compiled packages of the ordinary Python of this version load: not in PyPy, nor without the GIL."""
    return sys.implementation.name == "cpython" and "t" not in getattr(sys, "abiflags", "")


def _refuse(version):  # type: (tuple[int, int] | None) -> None
    this = "%d.%d" % sys.version_info[:2]
    set_up = "python3 %s setup" % _quoted(os.path.join(ROOT, "minh.py"))
    python = os.path.join(VENV, "Scripts", "python.exe") if os.name == "nt" else os.path.join(VENV, "bin", "python")
    if version is None:
        sentence = "MinhOS is not set up yet: type %s" % set_up
    elif os.path.realpath(sys.prefix) == os.path.realpath(VENV) or version == sys.version_info[:2]:
        sentence = "MinhOS' packages are not all installed: type %s" % set_up
    else:
        sentence = "This is Python %s and MinhOS is set up for Python %d.%d: type %s in place of %s" % (
            (this,) + version + (_quoted(python), _quoted(os.path.basename(sys.executable or "python")))
        )
    if sys.argv[:1] == ["-m"]:
        sys.stderr.write("MinhOS: %s\n" % sentence)
        raise SystemExit(2)
    raise ImportError(sentence)


def _quoted(path):  # type: (str) -> str
    return '"%s"' % path if " " in path else path
