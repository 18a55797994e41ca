"""Which changes of the code that handles money would no test notice?

    python3 minh.py bench mutants --json             # a fixed sample; --rounds N for N of them, --seed for others

One operator, constant, comparison, condition or table row of `decide`, risk, sizing, the order-state table or
accounting is changed at a time, and the tests that run through that line are run until one fails.  A change that no
test notices is a survivor: a missing test, or code that could go.

Every mutant runs in a process of its own, forked after the heavy libraries are loaded, so that one costs about a
second.  Which tests run through which line is recorded first, by coverage.py.  Where nothing can be forked (Windows)
this bench refuses.  Not a test: the suite does not run it.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import random
import signal
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from minhos.bench.figures import Figure, at_least
from minhos.errors import CommandRefused
from minhos.progress import Progress, part_of

ROOT = Path(__file__).resolve().parents[2]
SUBJECTS = (
    "minhos/trading/decide.py",
    "minhos/trading/order_states.py",
    "minhos/risk",
    "minhos/sizing",
    "minhos/accounting",
)
TESTS = ("tests/trading", "tests/risk", "tests/sizing", "tests/accounting")
LEFT_OUT = ("test_kill.py", "test_week.py")
"""Real processes and long runs: they notice much, but not in a second."""
SAMPLE, QUICK = 400, 40
TIMEOUT_S = 20.0
TARGET = 0.90
MOST_TESTS = 40
"""So many of the tests that run through a line are asked, those that run through the fewest lines first."""


class Mutant(msgspec.Struct, frozen=True):
    """One change: in a file, at a line, in words."""

    path: str
    line: int
    change: str
    number: int
    """Its place among the changes of the file, by which it is made again."""


def run(
    *, quick: bool = False, rounds: int | None = None, seed: int = 1, progress: Progress | None = None
) -> list[Figure]:
    """Figures; the survivors are named on stderr."""
    if not hasattr(os, "fork"):
        raise CommandRefused("bench mutants forks a process for every mutant; run it on Linux or macOS.")
    tell = part_of(progress, 0.0, 1.0)
    started = time.monotonic()
    tell(0.0, "which tests run through which line")
    covering = coverage_of(TESTS)
    everything = [mutant for path in files() for mutant in mutants_of(path)]
    covered = [m for m in everything if covering.get((m.path, m.line))]
    wanted = rounds or (QUICK if quick else SAMPLE)
    chosen = random.Random(seed).sample(everything, min(wanted, len(everything)))
    survivors: list[Mutant] = []
    for i, (mutant, killed) in enumerate(judged(chosen, covering), start=1):
        if not killed:
            survivors.append(mutant)
        tell(i / len(chosen), f"{i} of {len(chosen)} mutants, {len(survivors)} survive")
    for mutant in sorted(survivors, key=lambda m: (m.path, m.line)):
        print(f"survives: {mutant.path}:{mutant.line}: {mutant.change}", file=sys.stderr)
    share = 1.0 - len(survivors) / len(chosen)
    return [
        at_least("killed", share, "share", TARGET),
        Figure("mutants", float(len(chosen)), f"of {len(everything)}"),
        Figure("on_lines_that_a_test_runs", len(covered) / len(everything), "share"),
        Figure("survivors", float(len(survivors)), "mutants"),
        Figure("seconds", time.monotonic() - started, "s"),
    ]


def files() -> list[Path]:
    """The files that are changed."""
    found = [ROOT / name for name in SUBJECTS]
    return [path for each in found for path in (sorted(each.rglob("*.py")) if each.is_dir() else [each])]


# The changes ----------------------------------------------------------------------------------------------------------


class Change(msgspec.Struct, frozen=True):
    """A change of a parsed file; `make` carries it out in the tree that it was found in."""

    line: int
    words: str
    make: Callable[[], object]


SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
EXTREMES = {"min": "max", "max": "min"}
LEAST_ROWS = 4
"""A dictionary of so many rows whose keys are pairs is a table."""


def changes_of(node: ast.AST) -> Iterator[Change]:
    """Every change of one node."""
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp):
        yield from _swapped(node, node.op, lambda after: setattr(node, "op", after))
    elif isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            yield from _swapped(node, operator, lambda after, i=i: node.ops.__setitem__(i, after))  # type: ignore[misc]  # a default binds i
    elif isinstance(node, ast.Constant):
        yield from _other_constant(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield Change(node.lineno, "the minus dropped", lambda: setattr(node, "op", ast.UAdd()))
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        test = node.test
        yield Change(test.lineno, "the condition turned round", lambda: setattr(node, "test", _negated(test)))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in EXTREMES:
        name, other = node.func, EXTREMES[node.func.id]
        yield Change(node.lineno, f"{name.id} becomes {other}", lambda: setattr(name, "id", other))
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield Change(node.lineno, "None returned", lambda: setattr(node, "value", ast.Constant(None)))
    elif isinstance(node, ast.Dict) and len(node.keys) >= LEAST_ROWS:
        for i, key in enumerate(node.keys):
            if isinstance(key, ast.Tuple):
                words = f"the row {ast.unparse(key)} dropped"
                yield Change(key.lineno, words, lambda i=i: (node.keys.pop(i), node.values.pop(i)))  # type: ignore[misc]  # a default binds i


def _swapped(node: ast.expr | ast.stmt, operator: ast.AST, put: Callable[[ast.AST], object]) -> Iterator[Change]:
    after = SWAPS.get(type(operator))
    if after is not None:
        words = f"{type(operator).__name__} becomes {after.__name__}"
        yield Change(node.lineno, words, lambda: put(after()))


def _other_constant(node: ast.Constant) -> Iterator[Change]:
    before = node.value
    if isinstance(before, bool):
        yield Change(node.lineno, f"{before} becomes {not before}", lambda: setattr(node, "value", not before))
    elif isinstance(before, int | float):
        yield Change(node.lineno, f"{before!r} becomes {before + 1!r}", lambda: setattr(node, "value", before + 1))


def _negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _all_changes(tree: ast.Module) -> list[Change]:
    return [change for node in _deciding(tree) for change in changes_of(node)]


def _deciding(node: ast.AST) -> Iterator[ast.AST]:
    """What can decide something: no annotations, decorators, imports or texts."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.Import | ast.ImportFrom | ast.JoinedStr):
                yield from _deciding(child)


def mutants_of(path: Path) -> list[Mutant]:
    """Every change of a file, in order."""
    changes = _all_changes(ast.parse(path.read_text(encoding="utf-8")))
    name = path.relative_to(ROOT).as_posix()
    return [Mutant(name, change.line, change.words, number) for number, change in enumerate(changes)]


def changed(mutant: Mutant) -> types.CodeType:
    """The module's code with that one change."""
    path = ROOT / mutant.path
    tree = ast.parse(path.read_text(encoding="utf-8"))
    _all_changes(tree)[mutant.number].make()
    return compile(ast.fix_missing_locations(tree), str(path), "exec")


# The tests ------------------------------------------------------------------------------------------------------------


def coverage_of(tests: Sequence[str]) -> dict[tuple[str, int], list[str]]:
    """By file and line: the tests that run it, those that run the least first."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "coverage"
        settings = Path(folder) / "coveragerc"
        settings.write_text("[run]\nbranch = false\n", encoding="utf-8")
        arguments = [
            "-q",
            "-p",
            "no:cacheprovider",
            "--no-header",
            "--cov=minhos",
            f"--cov-config={settings}",
            "--cov-context=test",
            "--cov-report=",
            *_chosen(tests),
        ]
        _in_child(lambda: _pytest(arguments), 3600.0, {"COVERAGE_FILE": str(data)})
        from coverage import CoverageData

        recorded = CoverageData(basename=str(data))
        recorded.read()
        found: dict[tuple[str, int], list[str]] = {}
        weight: dict[str, int] = {}
        for path in files():
            name = path.relative_to(ROOT).as_posix()
            for line, contexts in recorded.contexts_by_lineno(str(path)).items():
                ran = [context.split("|")[0] for context in contexts if context]
                found[name, line] = ran
                for test in ran:
                    weight[test] = weight.get(test, 0) + 1
    if not weight:
        raise CommandRefused("The tests could not be run: python3 minh.py setup --test brings what they need.")
    return {key: sorted(set(ran), key=lambda test: weight[test]) for key, ran in found.items()}


def _chosen(tests: Sequence[str]) -> list[str]:
    return [
        str(path.relative_to(ROOT))
        for folder in tests
        for path in sorted((ROOT / folder).glob("test_*.py"))
        if path.name not in LEFT_OUT
    ]


def judged(mutants: Iterable[Mutant], covering: dict[tuple[str, int], list[str]]) -> Iterator[tuple[Mutant, bool]]:
    """Each mutant and whether a test notices it; two side by side."""
    _load_libraries()
    waiting: dict[int, tuple[Mutant, float]] = {}
    left = list(mutants)
    while left or waiting:
        while left and len(waiting) < (os.cpu_count() or 1):
            mutant = left.pop(0)
            tests = covering.get((mutant.path, mutant.line)) or _tests_of_file(mutant.path, covering)
            if not tests:
                yield mutant, False
                continue
            waiting[_forked(mutant, tests[:MOST_TESTS])] = mutant, time.monotonic() + TIMEOUT_S
        yield from _ended(waiting)
        time.sleep(0.01)


def _tests_of_file(path: str, covering: dict[tuple[str, int], list[str]]) -> list[str]:
    """For a line that only runs at import (a table's row): every test that runs through the file."""
    found: dict[str, None] = {}
    for (name, _), tests in covering.items():
        if name == path:
            found.update(dict.fromkeys(tests))
    return list(found)


def _ended(waiting: dict[int, tuple[Mutant, float]]) -> Iterator[tuple[Mutant, bool]]:
    for child, (mutant, deadline) in list(waiting.items()):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid == 0 and time.monotonic() < deadline:
            continue
        if pid == 0:  # it runs for ever: noticed
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            status = 1
        del waiting[child]
        yield mutant, status != 0


def _forked(mutant: Mutant, tests: Sequence[str]) -> int:
    """A process in which that module is the changed one; it ends with 0 where every test passes."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        sys.meta_path.insert(0, _Changed(mutant))
        code = _pytest(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:cov", "--no-header", *tests])
    finally:
        os._exit(code)


def _in_child(call: Callable[[], int], timeout_s: float, environment: dict[str, str]) -> None:
    child = os.fork()
    if child == 0:
        os.environ.update(environment)
        os._exit(call())
    os.waitpid(child, 0)


def _pytest(arguments: Sequence[str]) -> int:
    import pytest

    os.chdir(ROOT)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return int(pytest.main(list(arguments)))


def _load_libraries() -> None:
    """What every child would load again; nothing of the code that is changed."""
    for name in ("numpy", "msgspec", "talib", "hypothesis", "hypothesis.strategies", "pytest", "structlog", "pydantic"):
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.split(".")[0] == "minhos"]:
        if name not in ("minhos", __name__):
            _away[name] = sys.modules.pop(name)


_away: dict[str, types.ModuleType] = {}
"""Modules of MinhOS that this process had loaded: the children load them anew, and this one keeps them alive."""


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the changed module in place of the one on the disk."""

    def __init__(self, mutant: Mutant) -> None:
        self._name = mutant.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        self._is_package = mutant.path.endswith("__init__.py")
        self._file = str(ROOT / mutant.path)
        self._code = changed(mutant)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(
            fullname,
            self._file,
            loader=self,
            submodule_search_locations=[str(Path(self._file).parent)] if self._is_package else None,
        )

    def exec_module(self, module: types.ModuleType) -> None:
        exec(self._code, module.__dict__)
