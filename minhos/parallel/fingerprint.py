"""What decides the results of a call in a process, so that a worker which would give others is refused.

Not for the user's parts: their source travels with every call.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from functools import cache
from pathlib import Path

import minhos

ALWAYS = ("numpy", "scipy", "dask")
"""Libraries that every list of calls may use."""


@cache
def fingerprint(libraries: tuple[str, ...]) -> dict[str, str]:
    """Python, versions of these modules' distributions by name, and a hash of MinhOS's source.

    Taken once, so that a worker that was started before an update reports the code that it has loaded.
    """
    found = {"Python": ".".join(platform.python_version_tuple()[:2]), "MinhOS": minhos.__version__}
    distributions = importlib.metadata.packages_distributions()
    for module in (*ALWAYS, *libraries):
        for name in sorted(set(distributions.get(module, [module]))):
            found[name] = _version(name)
    return {**found, "source of MinhOS": _source()}


@cache
def _source() -> str:
    root = Path(minhos.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:8]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"
