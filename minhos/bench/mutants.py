"""Which changes of the code that handles money would no test notice?

    python3 minh.py bench mutants --json             # a fixed sample; --rounds N for N of them, --seed for others

One operator, constant, comparison, condition or table row of `decide`, risk, sizing, the order-state table or
accounting is changed at a time, and the tests that run through that line are run until one fails.  A change that no
test notices is a survivor: a missing test, or code that could go.

Which tests run through which line is recorded first, by coverage.py; a test that fails anyway notices nothing.  Every
mutant runs in a process of its own.  A change inside a function is made in a process in which all tests are collected
already, by giving the function that code: some hundredths of a second.  What then survives, and every change of what
runs at import, is judged with the whole module anew, in a process forked after the libraries are loaded: a second or
two.  Hypothesis draws the same examples each time.  Where nothing can be forked (Windows) this bench refuses.  Not a
test: the suite does not run it.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import random
import select
import signal
import sys
import tempfile
import time
import types
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from minhos.bench.figures import Figure, at_least
from minhos.errors import CommandRefused
from minhos.progress import Progress, part_of

if TYPE_CHECKING:
    import pytest

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
CPU_S, WAIT_S = 30, 600.0
"""A mutant that takes longer runs for ever: of the processor, so that a busy machine decides nothing, and at all."""
TARGET = 0.90
MOST_TESTS = 400
"""So many of the tests that run through a line are asked, those that run through the fewest lines first."""

Covering = Mapping[tuple[str, int], Sequence[str]]
"""By file and line: the tests that run it, those that run the least first; under EVERY_TEST: all of them."""
EVERY_TEST = ("", 0)


class Mutant(msgspec.Struct, frozen=True):
    """One change: in a file, at a line, in words."""

    path: str
    line: int
    change: str
    number: int
    """Its place among the changes of the file, by which it is made again."""
    inside: bool = False
    """In the body of a function, so that a loaded module can be given it."""


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
    covered = [m for m in everything if m.inside and tests_of(m, covering)]
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
        Figure("on_lines_that_a_test_runs", len(covered) / sum(m.inside for m in everything), "share"),
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
    inside: bool = False


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
ONLY_SPEED_OR_GUARD = frozenset({"gc", "strict"})
"""Keywords that decide nothing: whether a struct is seen by the garbage collector, whether `zip` checks its lengths."""


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
    return [
        msgspec.structs.replace(change, inside=inside)
        for node, inside in _deciding(tree, False)
        for change in changes_of(node)
    ]


def _deciding(node: ast.AST, inside: bool) -> Iterator[tuple[ast.AST, bool]]:
    """What can decide something, and whether it stands in a function: no annotations, decorators, imports or texts."""
    yield node, inside
    if isinstance(node, ast.keyword) and node.arg in ONLY_SPEED_OR_GUARD:
        return
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        within = inside or (name == "body" and isinstance(node, ast.FunctionDef))
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.Import | ast.ImportFrom | ast.JoinedStr):
                yield from _deciding(child, within)


def mutants_of(path: Path) -> list[Mutant]:
    """Every change of a file, in order."""
    changes = _all_changes(ast.parse(path.read_text(encoding="utf-8")))
    name = path.relative_to(ROOT).as_posix()
    return [Mutant(name, change.line, change.words, number, change.inside) for number, change in enumerate(changes)]


def changed(mutant: Mutant) -> types.CodeType:
    """The module's code with that one change."""
    path = ROOT / mutant.path
    tree = ast.parse(path.read_text(encoding="utf-8"))
    _all_changes(tree)[mutant.number].make()
    return compile(ast.fix_missing_locations(tree), str(path), "exec")


# Which tests ---------------------------------------------------------------------------------------------------------


def coverage_of(tests: Sequence[str]) -> dict[tuple[str, int], list[str]]:
    """Which tests run through which line, of those that pass."""
    with tempfile.TemporaryDirectory() as folder:
        data, outcomes = Path(folder) / "coverage", Path(folder) / "outcomes"
        settings = Path(folder) / "coveragerc"
        settings.write_text("[run]\nbranch = false\n", encoding="utf-8")
        arguments = ["--cov=minhos", f"--cov-config={settings}", "--cov-context=test", "--cov-report=", *_chosen(tests)]
        _in_child(lambda: _pytest(arguments, _Outcomes(outcomes), environment={"COVERAGE_FILE": str(data)}))
        from coverage import CoverageData

        recorded = CoverageData(basename=str(data))
        recorded.read()
        outcomes.touch()
        ended = [line.split(" ", 1) for line in outcomes.read_text(encoding="utf-8").splitlines()]
        broken = {test for outcome, test in ended if outcome == "failed"}
        found = {
            (path.relative_to(ROOT).as_posix(), line): {each.rpartition("|")[0] for each in contexts if each} - broken
            for path in files()
            for line, contexts in recorded.contexts_by_lineno(str(path)).items()
        }
    found[EVERY_TEST] = {test for outcome, test in ended if outcome == "passed"} - broken
    weight = Counter(test for ran in found.values() for test in ran)
    if not weight:
        raise CommandRefused("The tests could not be run: python3 minh.py setup --test brings what they need.")
    return {key: sorted(ran, key=lambda test: (weight[test], test)) for key, ran in found.items()}


def _chosen(tests: Sequence[str]) -> list[str]:
    return [
        str(path.relative_to(ROOT))
        for folder in tests
        for path in sorted((ROOT / folder).glob("test_*.py"))
        if path.name not in LEFT_OUT
    ]


class _Outcomes:
    """Writes down which tests pass and which fail."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed or report.when == "call":
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{report.outcome} {report.nodeid}\n")


def tests_of(mutant: Mutant, covering: Covering) -> list[str]:
    """The tests that can notice it.

    A line in the middle of a statement may not be recorded: then the line before it counts.  For one that only runs
    at import (a default, a table's row), the tests of its room, then those that run through the file, then the others.
    """
    if mutant.inside:
        for line in range(mutant.line, max(0, mutant.line - 10), -1):
            if (mutant.path, line) in covering:
                return list(covering[mutant.path, line])[:MOST_TESTS]
        return []
    room = f"tests/{mutant.path.split('/')[1]}/"
    lines = Counter(test for (name, _), tests in covering.items() if name == mutant.path for test in tests)
    first = sorted(
        covering[EVERY_TEST], key=lambda test: (not test.startswith(room), test not in lines, lines[test], test)
    )
    return first[: 2 * MOST_TESTS]


# Judging -------------------------------------------------------------------------------------------------------------


def judged(mutants: Iterable[Mutant], covering: Covering) -> Iterator[tuple[Mutant, bool]]:
    """Each mutant and whether a test notices it; as many side by side as there are processors."""
    _load_libraries()
    asked = [(mutant, tests_of(mutant, covering)) for mutant in mutants]
    quick = [(mutant, tests) for mutant, tests in asked if mutant.inside and tests]
    slow = [(mutant, tests) for mutant, tests in asked if tests and not mutant.inside]
    yield from ((mutant, False) for mutant, tests in asked if not tests)
    for number, noticed in _judged_in_loaded_modules(quick):
        if noticed:
            yield quick[number][0], True
        else:
            slow.append(quick[number])
    for number, status in _side_by_side(
        slow, lambda mutant, tests: _forked(lambda: _with_module(mutant, tests), CPU_S)
    ):
        yield slow[number][0], status != 0


Asked = Sequence[tuple[Mutant, Sequence[str]]]


def _side_by_side(asked: Asked, start: Callable[[Mutant, Sequence[str]], int]) -> Iterator[tuple[int, int]]:
    """Number and exit status of each, as they end; one that runs for ever is ended and noticed."""
    waiting: dict[int, tuple[int, float]] = {}
    left = list(range(len(asked)))
    while left or waiting:
        while left and len(waiting) < (os.cpu_count() or 1):
            number = left.pop(0)
            waiting[start(*asked[number])] = number, time.monotonic() + WAIT_S
        time.sleep(0.002)
        for child, (number, deadline) in list(waiting.items()):
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid == 0 and time.monotonic() < deadline:
                continue
            if pid == 0:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                status = 1
            del waiting[child]
            yield number, status


def _forked(call: Callable[[], int], cpu_s: int = 0) -> int:
    """A process that ends with what `call` returns, with 1 where it raises, and is ended after that many seconds."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        if cpu_s:
            import resource  # not on Windows, where `run` has refused

            resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
        code = call()
    finally:
        os._exit(code)


def _in_child(call: Callable[[], int]) -> None:
    os.waitpid(_forked(call), 0)


def _pytest(arguments: Sequence[str], *plugins: object, environment: Mapping[str, str] = {}) -> int:
    import hypothesis
    import pytest

    hypothesis.settings.register_profile(
        "mutants",
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("mutants")
    os.chdir(ROOT)
    os.environ.update(environment)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return int(pytest.main(["-q", "-p", "no:cacheprovider", "--no-header", *arguments], list(plugins)))


def _with_module(mutant: Mutant, tests: Sequence[str]) -> int:
    """Run the tests with that module in place of ours; 0 where none of them fails."""
    sys.meta_path.insert(0, _Changed(mutant))
    status = _pytest(["-x", "-p", "no:cov", *_files_of(tests)], _Only(tests))
    return 0 if status == NO_TESTS else status


NO_TESTS = 5
"""Pytest's status where nothing was left to run."""


def _files_of(tests: Iterable[str]) -> list[str]:
    return sorted({test.partition("::")[0] for test in tests})


class _Only:
    """Of what is collected, these tests alone, in this order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._place = {test: place for place, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            [item for item in items if item.nodeid in self._place], key=lambda item: self._place[item.nodeid]
        )


def _judged_in_loaded_modules(asked: Asked) -> Iterator[tuple[int, bool]]:
    """Number of each, and whether a test notices it, from a process that has collected all of the tests."""
    if not asked:
        return
    wanted = _files_of(test for _, tests in asked for test in tests)
    reading, writing = os.pipe()
    child = _forked(lambda: _pytest(["-p", "no:cov", *wanted], _Loaded(asked, writing)))
    os.close(writing)
    seen: set[int] = set()
    with os.fdopen(reading, "rb") as pipe:
        while select.select([pipe], [], [], 2 * WAIT_S)[0] and (line := pipe.readline()):
            number, noticed = map(int, line.split())
            seen.add(number)
            yield number, bool(noticed)
    os.waitpid(child, 0)
    yield from ((number, False) for number in range(len(asked)) if number not in seen)


class _Loaded:
    """In place of running what was collected: a process for every mutant, whose functions get the changed code."""

    def __init__(self, asked: Asked, pipe: int) -> None:
        self._asked = asked
        self._pipe = pipe

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        _wake_hypothesis()
        functions = _functions_of({mutant.path for mutant, _ in self._asked})

        def start(mutant: Mutant, tests: Sequence[str]) -> int:
            chosen = [items[test] for test in tests if test in items]
            return _forked(lambda: int(_given(functions[mutant.path], mutant) and _fails(session, chosen)), CPU_S)

        for number, status in _side_by_side(self._asked, start):
            os.write(self._pipe, f"{number} {int(status != 0)}\n".encode())
        return True


def _wake_hypothesis() -> None:
    """What its first test would load is loaded once, here."""
    from hypothesis import given, settings
    from hypothesis import strategies as st

    settings(max_examples=5)(given(st.integers() | st.floats() | st.text())(lambda value: None))()


def _fails(session: pytest.Session, items: Sequence[pytest.Item]) -> bool:
    """Run them until one fails."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return True
    return False


Functions = dict[tuple[str, int], list[types.FunctionType]]


def _functions_of(paths: Iterable[str]) -> dict[str, Functions]:
    """By file: its functions that exist now, by name and first line."""
    found: dict[str, Functions] = {path: {} for path in paths}
    for thing in gc.get_objects():
        if type(thing) is types.FunctionType:
            code = thing.__code__
            path = code.co_filename.removeprefix(f"{ROOT}/")
            if path in found:
                found[path].setdefault((code.co_qualname, code.co_firstlineno), []).append(thing)
    return found


def _given(functions: Functions, mutant: Mutant) -> bool:
    """Give the functions the changed code; whether any of them has changed."""
    some = False
    for code in _codes_in(changed(mutant)):
        for function in functions.get((code.co_qualname, code.co_firstlineno), ()):
            if code != function.__code__ and code.co_freevars == function.__code__.co_freevars:
                function.__code__ = code
                some = True
    return some


def _codes_in(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _codes_in(constant)


LIBRARIES = (
    *("numpy", "msgspec", "talib", "structlog", "pydantic"),
    *("pytest", "hypothesis", "hypothesis.strategies", "scipy.optimize", "scipy.stats"),
)


def _load_libraries() -> None:
    """What every child would load again; nothing of the code that is changed."""
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
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
