"""Lets a script run with any Python: it goes on in the environment of MinhOS, which is set up first where it is not.

Standard library only.
"""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def enter():
    """Return in MinhOS' environment, started again there if need be."""
    sys.path.insert(0, ROOT)
    import minh

    if os.path.realpath(sys.prefix) == os.path.realpath(minh.VENV):
        return
    if not os.path.exists(minh.venv_python()):
        code = subprocess.call([sys.executable, os.path.join(ROOT, "minh.py"), "setup"])
        if code:
            raise SystemExit(code)
    minh.hand_over([os.path.abspath(sys.argv[0]), *sys.argv[1:]])


def alone(text):
    """For a script that takes no words: goes on in the environment; for --help, or any other word, it does nothing.

    text: its docstring.
    """
    words = sys.argv[1:]
    if words and words[0] in ("-h", "--help"):
        sys.stdout.write(text.strip() + "\n")
        raise SystemExit(0)
    if words:
        sys.stderr.write(f"{os.path.basename(sys.argv[0])} takes no arguments, and {words[0]!r} is one.\n")
        raise SystemExit(2)
    enter()


def command(name, *arguments):
    """Run a command of `minh.py` with those arguments and then the script's own; exits with its code."""
    enter()
    from minhos.cli import main

    sys.argv[1:1] = [name, *arguments]
    main()
