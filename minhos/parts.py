"""The doors for parts of the user's own, and the loader that opens them.

A part is a class or function that a user's file (`[user] file` in minhos.toml) or an installed package registers:

    from minhos import parts

    @parts.limits("no_fridays", version="1")
    class NoFridays:
        ...

MinhOS registers its own members, feeds and venues in the same registries, so that "ours" and "yours" are found in one
way; its features, limits and file formats are literal tables, after which (formats: before which) the user's stand.

`load` reads the file in every process that needs parts: trader, trainer, training process, worker, test.  A part is
known by its declared version and by the digest of its parsed source, so that a comment or a blank line does not count
as a change.

Standard library and `minhos.errors` only: this stands at the very bottom, and the process that trades imports it.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import hashlib
import importlib.metadata
import inspect
import linecache
import sys
import textwrap
import traceback
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

from minhos.errors import PartsError

T = TypeVar("T")
Value = TypeVar("Value")
MODULE = "minhos_user_parts"
"""Under this name the user's file is imported, in every process."""
ENTRY_POINTS = "minhos.parts"
"""An installed package names under this group the modules that register its parts."""
OURS = "minhos"
DIGEST_DIGITS = 12


@dataclass(frozen=True)
class Part(Generic[T]):
    """One registered part.

    kind: of its registry.  version: as its author declares it.  origin: "minhos", the user's file, or the name of an
    installed distribution.  file, line: where it is defined.  digest: of its parsed source, 12 hex digits.
    """

    kind: str
    name: str
    version: str
    value: T
    origin: str
    file: str
    line: int
    digest: str

    @property
    def own(self) -> bool:
        """Whether it is the user's, not ours."""
        return self.origin != OURS

    @property
    def identity(self) -> str:
        """What must be equal in training and in trading: version and digest."""
        return f"{self.version}+{self.digest}"

    @property
    def where(self) -> str:
        """File and line, for a sentence."""
        return f"{self.file}:{self.line}"


class Registry(Generic[T]):
    """Parts of one kind by name, in the order in which they were registered.

    changes: what a part of this kind changes, for `minh.py parts`.  `part(name).value` is the way in.
    """

    def __init__(self, kind: str, changes: str) -> None:
        self.kind, self.changes = kind, changes
        self._parts: dict[str, Part[T]] = {}

    def __call__(self, name: str, *, version: str = "1") -> Callable[[Value], Value]:
        """A decorator: `@parts.limits("no_fridays", version="1")`; what it decorates keeps its type.

        Raises PartsError where name or version is no text, as without the brackets.
        """
        file, line = _registered_at()
        for what, given in (("name", name), ("version", version)):
            if not isinstance(given, str) or not given:
                raise PartsError(
                    f"{file}:{line}: the {what} of a {self.kind} is a text: write "
                    f'@parts.{self.kind.split()[-1]}s("my_name", version="1").'
                )

        def register(value: Value) -> Value:
            self.register(name, cast(T, value), version=version)
            return value

        return register

    def register(self, name: str, value: T, *, version: str = "1") -> None:
        """Add a part.  Raises PartsError where the name is taken or is no plain word."""
        origin = _loading[-1] if _loading else OURS
        file, line = _registered_at()
        if not name.isidentifier():
            raise PartsError(f"{file}:{line}: {name!r} is no name for a {self.kind}; use letters, digits and _.")
        taken = self._parts.get(name)
        if taken is not None:
            raise PartsError(
                f"{file}:{line}: the {self.kind} {name!r} exists already ({taken.where}); give this one another name."
            )
        self._parts[name] = Part(self.kind, name, version, value, origin, file, line, digest_of(value))

    def part(self, name: str) -> Part[T]:
        """The part of that name.  Raises PartsError that names what there is."""
        if name not in self._parts:
            close = difflib.get_close_matches(name, self._parts, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise PartsError(
                f"No {self.kind} is called {name!r};{hint} there are {', '.join(self._parts) or 'none'}. "
                "One of your own is registered by the file that [user] file in minhos.toml names."
            )
        return self._parts[name]

    def names(self) -> tuple[str, ...]:
        return tuple(self._parts)

    def own(self) -> tuple[Part[T], ...]:
        """The user's parts, in the order of their file."""
        return tuple(part for part in self._parts.values() if part.own)

    def __iter__(self) -> Iterator[Part[T]]:
        return iter(self._parts.values())

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __len__(self) -> int:
        return len(self._parts)

    def remove(self, name: str) -> None:
        """Take back one part; none of that name is no error."""
        self._parts.pop(name, None)

    def forget(self, origin: str) -> None:
        """Take back what came from there: a file that failed half-way registers nothing."""
        self._parts = {name: part for name, part in self._parts.items() if part.origin != origin}


features: Registry[object] = Registry("feature", "one more column for every member of models trained from now on")
members: Registry[object] = Registry("member", "one more voice in the forecast of models trained from now on")
limits: Registry[object] = Registry("limit", "may lower the number of contracts at every decision, never raise it")
feeds: Registry[object] = Registry("feed", "where bars come from, where [data] feed names it")
venues: Registry[object] = Registry("venue", "where orders go, where [trading] venue names it")
alerts: Registry[object] = Registry("alert channel", "receives every alarm")
formats: Registry[object] = Registry("file format", "how a file of bars or ticks is recognised and read")

REGISTRIES: tuple[Registry[object], ...] = (features, members, limits, feeds, venues, alerts, formats)


@dataclass(frozen=True)
class Source:
    """The user's file as text, so that a worker on another machine loads the same.  file: empty for none."""

    file: str = ""
    text: str = ""


_loading: list[str] = []
_loaded: Source | None = None


def load(file: Path | None = None) -> Source:
    """Load the user's file and every installed package of parts; a second call with the same content does nothing.

    Raises PartsError, one sentence with file, line and way out; nothing of a file that fails stays registered.
    """
    if file is None:
        return load_source(Source())
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PartsError(
            f"{file} cannot be read ({reason}): mend the path in [user] file of minhos.toml, or leave it empty."
        ) from error
    return load_source(Source(str(file), text))


def load_source(source: Source) -> Source:
    """The same from text, as a worker gets it."""
    global _loaded
    if _loaded == source:
        return source
    if _loaded is None:
        _load_installed()
    elif _loaded.file:
        _forget_file(_loaded.file)
    _loaded = Source()
    if source.file:
        _execute(source)
    _loaded = source
    return source


def loaded() -> Source:
    """What this process has loaded; an empty source before the first `load`."""
    return _loaded or Source()


def own() -> tuple[Part[object], ...]:
    """Every part that is not ours, by kind."""
    return tuple(part for registry in REGISTRIES for part in registry.own())


def identities(*registries: Registry[object]) -> dict[str, str]:
    """Kind and name to version and digest of the user's parts: what a bundle and a journal name."""
    return {f"{p.kind} {p.name}": p.identity for r in registries or REGISTRIES for p in r.own()}


def differences(known: Mapping[str, str], here: Mapping[str, str], *, made: str, now: str) -> list[str]:
    """One sentence for each part that differs.  made, now: words for the two sides, as "this model was trained"."""
    found = []
    for key in dict.fromkeys([*known, *here]):
        before, after = known.get(key), here.get(key)
        if before == after:
            continue
        if after is None:
            found.append(f"{made} with the {key} ({before}), which {now} does not have")
        elif before is None:
            found.append(f"{now} has the {key} ({after}), which {made} without")
        else:
            found.append(f"{made} with the {key} in another form ({before}; {now}: {after})")
    return found


def digest_of(value: object) -> str:
    """First 12 hex digits of the SHA-256 of its parsed source and of what it uses of its own file.

    Comments, blank lines and docstrings do not count; a helper or a constant of the same file that it names does.
    """
    try:
        own = ast.parse(textwrap.dedent(inspect.getsource(value)))  # type: ignore[arg-type]  # an instance: TypeError
        lines = linecache.getlines(inspect.getsourcefile(value) or "")  # type: ignore[arg-type]
        parsed = [ast.dump(_bare(tree)) for tree in [own, *_used(own, ast.parse("".join(lines)))]]
    except (OSError, TypeError, SyntaxError):
        parsed = [repr(value)]
    return hashlib.sha256("\n".join(parsed).encode()).hexdigest()[:DIGEST_DIGITS]


def _used(own: ast.AST, file: ast.Module) -> list[ast.AST]:
    """The definitions at the top of the file that `own` names, and those that they name, in the order of the file."""
    defined: dict[str, ast.stmt] = {}
    for statement in file.body:
        for name in _bound(statement):
            defined[name] = statement
    found: dict[int, ast.stmt] = {}
    left: list[ast.AST] = [own]
    while left:
        for node in ast.walk(left.pop()):
            named = defined.get(node.id) if isinstance(node, ast.Name) else None
            if named is not None and named.lineno not in found:
                found[named.lineno] = named
                left.append(named)
    return [found[line] for line in sorted(found)]


def _bound(statement: ast.stmt) -> list[str]:
    """Names that a statement at the top of a file defines."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    return [node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]


def _bare(tree: ast.AST) -> ast.AST:
    """Without docstrings."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            first.value.value = ""
    return tree


def _registered_at() -> tuple[str, int]:
    """File and line of the code that registers: the decorated class or function, or the call."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _load_installed() -> None:
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        origin = entry.dist.name if entry.dist is not None else entry.name
        _loading.append(origin)
        try:
            entry.load()
        except PartsError:
            _forget(origin)
            raise
        except Exception as error:
            _forget(origin)
            raise PartsError(
                f"The installed package {origin} cannot be loaded as parts ({type(error).__name__}: {error}); "
                f"update it, or remove it with pip uninstall {origin}."
            ) from error
        finally:
            _loading.pop()


def _execute(source: Source) -> None:
    """Run the user's file as the module `minhos_user_parts`."""
    linecache.cache[source.file] = (len(source.text), None, source.text.splitlines(keepends=True), source.file)
    module = types.ModuleType(MODULE)
    module.__file__ = source.file
    sys.modules[MODULE] = module
    _loading.append(source.file)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what it prints is no part of a command's answer
            exec(compile(source.text, source.file, "exec"), module.__dict__)
    except PartsError:
        _forget_file(source.file)
        raise
    except BaseException as error:
        _forget_file(source.file)
        if isinstance(error, KeyboardInterrupt):
            raise
        raise PartsError(
            f"{source.file}:{line_of(error, source.file)}: your parts cannot be loaded "
            f"({type(error).__name__}: {error}); mend that line, or leave [user] file in minhos.toml empty."
        ) from error
    finally:
        _loading.pop()


def line_of(error: BaseException, file: str) -> int:
    """The last line of that file that the error went through; 0 where it never was there."""
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno or 0
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return (lines[-1] or 0) if lines else 0


def place_of(error: BaseException, registry: Registry[T], name: str) -> str:
    """File and line to look at: in the file of that part where it is the user's, else where the error was raised."""
    part = registry.part(name) if name in registry else None
    if part is not None and part.own:
        return f"{part.file}:{line_of(error, part.file) or part.line}"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else name


def _forget_file(file: str) -> None:
    _forget(file)
    sys.modules.pop(MODULE, None)


def _forget(origin: str) -> None:
    for registry in REGISTRIES:
        registry.forget(origin)
