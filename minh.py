#!/usr/bin/env python3
"""MinhOS: `python3 minh.py start` sets everything up on first use and runs it; `python3 minh.py test` tests it.

This launcher needs nothing but the standard library.  It makes `.venv`, installs the pinned packages into it
(a broken-off installation goes on where it stopped) and hands over to `minhos.cli`.  It also runs on Pythons that
are too old for MinhOS, in order to say so.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
STATE = os.path.join(VENV, "minhos-installed.json")
LOCK = os.path.join(ROOT, ".venv.lock")
OLDEST, NEWEST = (3, 11), (3, 13)
CPU_TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
GROUPS = ("run", "train", "research")
GIGABYTES_NEEDED = {"run": 1.0, "train": 2.5, "research": 0.3, "test": 0.8}
WINDOWS = os.name == "nt"


def venv_python():
    return os.path.join(VENV, "Scripts", "python.exe") if WINDOWS else os.path.join(VENV, "bin", "python")


def fail(sentence):
    sys.stderr.write("MinhOS: %s\n" % sentence)
    raise SystemExit(2)


def version_text(version):
    return "%d.%d" % tuple(version[:2])


def ensure_python():
    """Stay in this Python where it fits; otherwise start again in one that does, or say what to install."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which("python3.%d" % minor)
        if found:
            raise SystemExit(subprocess.call([found, os.path.abspath(__file__), *sys.argv[1:]]))
    fail(
        "this is Python %s, MinhOS needs %s to %s; install one of them from python.org or your system's packages "
        "and run it as, for example, python3.12 minh.py start."
        % (version_text(sys.version_info), version_text(OLDEST), version_text(NEWEST))
    )


def requirements(group):
    return os.path.join(ROOT, "requirements", group + ".txt")


def fingerprint(group):
    """Changes when any of a group's packages changes, or another Python is used."""
    digest = hashlib.sha256(version_text(sys.version_info).encode())
    for name in (group, "torch") if group == "train" else (group,):
        with open(requirements(name), "rb") as file:
            digest.update(file.read().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:16]


def installed():
    try:
        with open(STATE, encoding="utf-8") as file:
            state = json.load(file)
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def remember(group):
    state = dict(installed(), **{group: fingerprint(group)})
    with open(STATE + ".new", "w", encoding="utf-8") as file:
        json.dump(state, file)
    os.replace(STATE + ".new", STATE)


@contextlib.contextmanager
def only_one():
    """Two launchers must not install at once: the second waits until the first is done or gone."""
    waits = False
    while True:
        try:
            handle = os.open(LOCK, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            break
        except FileExistsError:
            if not holder_lives():
                with contextlib.suppress(OSError):
                    os.remove(LOCK)
                continue
            if not waits:
                tell("MinhOS is being installed by another command; waiting for it.")
                waits = True
            time.sleep(0.5)
        except OSError as error:
            fail("cannot write to %s (%s); choose a folder that you may write to." % (ROOT, error.strerror))
    try:
        os.write(handle, str(os.getpid()).encode())
        os.close(handle)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.remove(LOCK)


def holder_lives():
    try:
        with open(LOCK, encoding="utf-8") as file:
            text = file.read()
        if not text:
            return time.time() - os.path.getmtime(LOCK) < 10
        if WINDOWS:
            return time.time() - os.path.getmtime(LOCK) < 3600
        os.kill(int(text), 0)
    except (OSError, ValueError):
        return False
    return True


def make_venv():
    """A working `.venv` of this Python; a half-made or foreign one is made again."""
    if os.path.exists(venv_python()):
        probe = [venv_python(), "-c", "import sys, pip; print('%d.%d' % sys.version_info[:2])"]
        answer = subprocess.run(probe, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if answer.returncode == 0 and answer.stdout.decode().strip() == version_text(sys.version_info):
            return
        tell("The environment in .venv is damaged or of another Python; making it again.")
    result = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], stderr=subprocess.PIPE, check=False)
    if result.returncode != 0:
        detail = (result.stderr.decode(errors="replace").strip().splitlines() or ["no reason was given"])[-1]
        fail(
            "could not make an environment in %s: %s (on Debian and Ubuntu: apt install python3-venv)." % (VENV, detail)
        )


def check_disk(groups):
    need = sum(GIGABYTES_NEEDED[group] for group in groups)
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < need:
        fail(
            "%.1f GB are free where MinhOS lies (%s) and the installation needs about %.1f GB; "
            "free some space or move the folder, then run the same command again." % (free, ROOT, need)
        )


def pip(arguments, expected, label):
    """Run pip with one line of progress; on failure show what pip said and how to go on."""
    command = [venv_python(), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *arguments]
    lines, seen, started = [], 0, time.time()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT)
    for raw in process.stdout:
        line = raw.decode(errors="replace").rstrip()
        lines.append(line)
        if line.startswith(("Collecting", "Requirement already satisfied")):
            seen += 1
            words = line.replace("Requirement already satisfied:", "").replace("Collecting", "").split()
            show("%s: %d of about %d, %s" % (label, min(seen, expected), expected, words[0] if words else ""))
        elif line.startswith("Installing collected packages"):
            show("%s: unpacking" % label)
    code = process.wait()
    show("")
    if code == 0:
        tell("%s: done in %.0f s." % (label, time.time() - started))
    return code, lines


def tell(text):
    """On stderr, so that what a command prints with --json stays one object on a first call too."""
    sys.stderr.write(text + "\n")


def show(text):
    """One line that is written over; nothing where the output is not a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K" + text[:100])
        sys.stderr.flush()


def wants_cpu_torch():
    """Linux without an NVIDIA card: the ordinary package would bring 2.5 GB of CUDA parts."""
    has_card = os.path.exists("/proc/driver/nvidia") or shutil.which("nvidia-smi") is not None
    return sys.platform.startswith("linux") and not has_card


def install_torch():
    """PyTorch, after what it asks for: its CPU build where there is no card, the ordinary package otherwise.

    It alone is pinned without hashes, because those two are different files.
    """
    with open(requirements("torch"), encoding="utf-8") as file:
        pin = next(line.strip() for line in file if line.startswith("torch=="))
    probe = [venv_python(), "-c", "import torch; print(torch.__version__)"]
    answer = subprocess.run(probe, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if answer.stdout.decode().strip().split("+")[0] == pin.split("==")[1]:
        return 0, []
    if wants_cpu_torch():
        import urllib.request  # no other command waits for it

        try:
            urllib.request.urlopen(CPU_TORCH_INDEX + "/torch/", timeout=4).close()
        except (OSError, ValueError):
            tell("PyTorch's index of CPU builds cannot be reached; taking the ordinary package.")
        else:
            code, lines = pip([pin, "--index-url", CPU_TORCH_INDEX], 12, "PyTorch for the CPU")
            if code == 0:
                return code, lines
            tell("PyTorch's CPU build could not be installed; taking the ordinary package.")
    return pip([pin], 12, "PyTorch")


def install(groups):
    """Bring the environment to the pins; what is already there is not touched."""
    missing = [group for group in groups if installed().get(group) != fingerprint(group)]
    if not missing and os.path.exists(venv_python()):
        return
    with only_one():
        make_venv()
        missing = [group for group in groups if installed().get(group) != fingerprint(group)]
        if not missing:
            return
        check_disk(missing)
        tell("Setting up MinhOS in .venv: %s. This happens once and can be broken off." % ", ".join(missing))
        for group in missing:
            with open(requirements(group), encoding="utf-8") as file:
                expected = sum(1 for line in file if line[0].isalpha())
            code, lines = pip(["--require-hashes", "-r", requirements(group)], expected, "Installing %s" % group)
            if code == 0 and group == "train":
                code, lines = install_torch()
            if code != 0:
                explain(lines)
            remember(group)
        make_importable()


def explain(lines):
    text = "\n".join(lines[-400:])
    reason = next((line for line in reversed(lines) if "ERROR" in line), lines[-1] if lines else "pip said nothing")
    if "No space left" in text:
        fail("the disk is full; free some space and run the same command again, it goes on where it stopped.")
    if "Temporary failure in name resolution" in text or "Connection" in reason or "ConnectionError" in text:
        fail("the package index cannot be reached; check the network and run the same command again.")
    fail("the packages could not be installed: %s Run the same command again to go on." % reason)


def make_importable():
    """`import minhos` works in the environment from any folder."""
    code = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    folder = subprocess.run([venv_python(), "-c", code], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    with open(os.path.join(folder, "minhos-checkout.pth"), "w", encoding="utf-8") as file:
        file.write(ROOT + "\n")


def everything():
    """The whole suite by files, in the order of `tests/conftest.py`; what is chosen runs in one process instead.

    One worker more than cores, because many tests wait; not many more, because the longest file takes as long as eight
    of them.  What they compile is kept, also where the environment says otherwise: they start hundreds of processes.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return ["-n", str(min(cores, 8) + 1), "--dist", "loadfile", "--no-loadscope-reorder"]


def hand_over(arguments):
    command = [venv_python(), *arguments]
    environment = dict(os.environ, PYTHONUTF8="1")
    if (
        "start" in arguments
    ):  # it runs for weeks: what it needs for a moment goes back to the system, as its children's does
        environment.setdefault("MALLOC_MMAP_THRESHOLD_", "1000000")
    if WINDOWS:
        with contextlib.suppress(KeyboardInterrupt):
            raise SystemExit(subprocess.call(command, env=environment))
        raise SystemExit(130)
    os.execve(command[0], command, environment)


def main():
    ensure_python()
    arguments = sys.argv[1:]
    command = arguments[0] if arguments else "--help"
    try:
        if command == "test":
            install([*GROUPS, "test"])
            hand_over(["-m", "pytest", *(arguments[1:] or everything())])
        elif command == "setup":
            install([*GROUPS, "test"] if "--test" in arguments else GROUPS)
            tell("MinhOS is set up; python3 minh.py start runs it.")
        else:
            install(GROUPS)
            hand_over(["-m", "minhos.cli", *arguments])
    except OSError as error:
        fail("%s: %s." % (error.strerror or error, error.filename or ROOT))
    except KeyboardInterrupt:
        fail("broken off; run the same command again to go on.")


if __name__ == "__main__":
    main()
