"""Mutation testing of the core's mathematics: which wrong lines would no test notice?

    pip install cosmic-ray
    python tests/mutants.py FOLDER                          # schedule, process, samplers, ...
    python tests/mutants.py FOLDER --survivors              # once there are new tests
    python tests/mutants.py FOLDER --anew                   # survivors, by all tests
    python tests/mutants.py FOLDER --report                 # counts, and the survivors' diffs

cosmic-ray makes the mutants (one operator, number, comparison, condition, decorator or loop changed
in each) and keeps what became of them in FOLDER/session.sqlite, so that a run that was stopped goes
on where it was. They are made in a copy of the tree, FOLDER/tree.

The tests are imported and collected once; for each mutant a fork of that process changes the module
in place and runs those that killed a mutant of the same file, then new ones, then the quickest, for
at most four seconds. `--anew` gives each survivor all tests, in a fork that imports core and tests:
constants that others import by name, and decorators, are changed only there. Survivors that are no
fault of the tests are explained in tests/mutants.md. Linux and macOS only.
"""

from __future__ import annotations

import argparse
import ast
import collections
import dataclasses
import difflib
import hashlib
import inspect
import json
import math
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]
MODULES = ("schedule", "process", "samplers", "denoiser", "inpainting")
TESTS = (
    "conditioning",
    "denoisers",
    "drawn_schedules",
    "exact",
    "inpainting",
    "inversion",
    "limits_of_the_core",
    "new_schedule",
    "process",
    "samplers",
    "schedule",
    "slices_steps_and_records",
    "thresholds",
)
# Of the dozen replacements of each operator those that make the least difference: its inverse, and
# of a comparison the one that differs at the limit alone. To shift a tensor's bits is an error that
# every test sees.
OPERATORS = re.compile(
    "core/("
    "ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Div|Mod_FloorDiv|Pow_Mul"
    "|BitOr_BitAnd|BitAnd_BitOr)"
    "|ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Lt_LtE|Lt_GtE|LtE_Lt|LtE_Gt|Gt_GtE|Gt_LtE"
    "|GtE_Gt|GtE_Lt|Is_IsNot|IsNot_Is)"
    "|ReplaceUnaryOperator_Delete_USub|ReplaceUnaryOperator_Delete_Invert"
    "|AddNot|Replace(True|False)With.*|Replace(And|Or)With.*|ReplaceBreakWith.*"
    "|ReplaceContinueWith.*|ExceptionReplacer|NumberReplacer|RemoveDecorator|ZeroIterationForLoop"
    ")$"
)
SECONDS = 60  # of CPU, after which a mutant that does not end counts as killed


WORDS = [*(f"tests/test_{name}.py" for name in TESTS), "-n", "0", "-q", "--tb=no"]
WORDS += ["-p", "no:cacheprovider", "-W", "ignore:Module already imported"]


def main() -> None:
    """Make the mutants of FOLDER, or go on with them, and say what became of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("modules", nargs="*", help=f"of {', '.join(MODULES)}")
    parser.add_argument("--seconds", type=float, default=4.0, help="of CPU for a mutant's tests")
    parser.add_argument("--survivors", action="store_true", help="no others, in the same way")
    parser.add_argument("--anew", action="store_true", help="survivors, by all tests, one by one")
    parser.add_argument("--report", action="store_true", help="test nothing")
    options = parser.parse_args()
    folder = options.folder.resolve()
    modules = options.modules or MODULES
    if options.report and not (folder / "session.sqlite").is_file():
        parser.error(f"{folder} holds no mutants yet; begin without --report")
    folder.mkdir(parents=True, exist_ok=True)
    if not options.report:
        _copy(folder / "tree")
        os.chdir(folder / "tree")
        sys.dont_write_bytecode = True  # a mutant of the same second would be taken for the last
        sys.path[:0] = [os.getcwd(), os.path.join(os.getcwd(), "tests")]
        _prepare()
    database = _session(folder)
    if options.anew:
        _import_what_they_import()
        _test_all(database, modules, _anew, survivors=True)
    elif not options.report:
        judge = InPlace(database, modules, options.survivors, options.seconds)
        pytest.main(WORDS, plugins=[judge])
    _report(folder, database, modules)


def _copy(tree: Path) -> None:
    """The files of this tree as they are now, in FOLDER/tree."""
    listing = ["git", "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    shutil.rmtree(tree, ignore_errors=True)
    for name in names.splitlines():
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)


def _prepare() -> None:
    """The same examples for every mutant, of which none is shrunk: that it fails is enough."""
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
    hypothesis.settings.register_profile(
        "mutants", derandomize=True, database=None, phases=phases, deadline=None
    )
    hypothesis.settings.load_profile("mutants")


def _import_what_they_import() -> None:
    """Everything of others; nothing of diffusion_core, of which each mutant imports its own."""
    import accelerate.state  # noqa: F401
    import diffusers.schedulers.scheduling_ddim
    import diffusers.schedulers.scheduling_ddpm
    import diffusers.schedulers.scheduling_dpmsolver_multistep
    import diffusers.schedulers.scheduling_heun_discrete  # noqa: F401
    import gradio  # noqa: F401
    import imageio.v3  # noqa: F401
    import torch

    torch.set_num_threads(1)


def _session(folder: Path) -> Any:
    """The database of all mutants that cosmic-ray can make."""
    from cosmic_ray.commands import init
    from cosmic_ray.work_db import WorkDB

    database = WorkDB(folder / "session.sqlite", WorkDB.Mode.create)
    sources = [folder / "tree" / "diffusion_core" / f"{module}.py" for module in MODULES]
    seal = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    sealed = folder / "sources.sha256"
    if database.num_work_items:
        if sealed.read_text("utf-8") != seal:
            raise SystemExit(f"{folder} holds mutants of other sources; take a new folder.")
    else:
        sealed.write_text(seal, "utf-8")
        init(sources, database, {})
    return database


def _mutants(database: Any, modules: list[str]) -> list[tuple[str, Any, str]]:
    """Job, mutation and module of every mutant of these modules by one of `OPERATORS`."""
    items = [(item.job_id, item.mutations[0]) for item in database.work_items]
    mutants = [(job, mutation, mutation.module_path.stem) for job, mutation in items]
    random.Random(0).shuffle(mutants)  # so that a part of them stands for all
    return [m for m in mutants if m[2] in modules and OPERATORS.match(m[1].operator_name)]


def _test_all(database: Any, modules: list[str], judge: Any, survivors: bool) -> None:
    """Have every mutant judged that was not, or every survivor, and keep what became of it."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator
    from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

    kills: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    done = dict(database.results)
    for result in done.values():
        module, _, failed = (result.output or "").partition("|")
        kills[module][failed] += bool(failed)
    sources = {m: Path("diffusion_core", f"{m}.py").read_text("utf-8") for m in modules}
    for job, mutation, module in _mutants(database, modules):
        result = done.get(job)
        if result and not (survivors and result.test_outcome == TestOutcome.SURVIVED):
            continue
        operator = get_operator(mutation.operator_name)(**mutation.operator_args)
        source = mutate_code(sources[module], operator, mutation.occurrence)
        if source is None or _meaning(source) in (None, _meaning(sources[module])):
            outcome = WorkResult(WorkerOutcome.SKIPPED, "No Python, or only an annotation differs.")
            database.set_result(job, outcome)
            continue
        started = time.monotonic()
        failed = judge(module, source, kills[module])
        kills[module][failed] += bool(failed)
        outcome = TestOutcome.KILLED if failed else TestOutcome.SURVIVED
        difference = _difference(sources[module], source)
        told = WorkResult(WorkerOutcome.NORMAL, f"{module}|{failed}", outcome, difference)
        database.set_result(job, told)
        took, name = time.monotonic() - started, mutation.operator_name.removeprefix("core/")
        print(
            f"{module}:{mutation.start_pos[0]} {name} {took:.1f} s {outcome.value} {failed}",
            file=sys.__stdout__,
            flush=True,
        )


class Tests:
    """A plugin of pytest: keeps the CPU seconds of each test, and the first that failed."""

    def __init__(self) -> None:
        self.failed, self.seconds = "", {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        before = time.process_time()
        yield
        self.seconds[item.nodeid] = time.process_time() - before

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid


class InPlace(Tests):
    """Judges mutants by tests that are collected once: each fork changes the module in place."""

    def __init__(self, database: Any, modules: list[str], survivors: bool, allowed: float) -> None:
        super().__init__()
        self.database, self.modules = database, modules
        self.survivors, self.allowed = survivors, allowed
        self.known: dict[str, float] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of pytest's own loop."""
        self.items = session.items
        measured = Path("..", "seconds.json")
        if not measured.is_file():
            failed, seconds = _forked(lambda: self.run(collections.Counter()), 1000)
            assert not failed, f"The tests fail without a mutant: {failed}"
            measured.write_text(json.dumps(seconds), "utf-8")
        self.known = json.loads(measured.read_text("utf-8"))
        _test_all(self.database, self.modules, self.judge, self.survivors)
        return True

    def judge(self, module: str, source: str, kills: collections.Counter[str]) -> str:
        return _forked(lambda: self.changed(module, source) or self.run(kills))[0]

    def changed(self, module: str, source: str) -> Any:
        """Have the module be that of this source; what failed, if it cannot be."""
        old = sys.modules[f"diffusion_core.{module}"]
        new = ModuleType(old.__name__)
        new.__dict__.update(__file__=old.__file__, __package__=old.__package__)
        try:
            exec(compile(source, old.__file__, "exec"), new.__dict__)
        except Exception as error:
            return f"it raises {type(error).__name__}", {}
        _change(old.__dict__, new.__dict__, old.__name__, set())
        return None

    def run(self, kills: collections.Counter[str]) -> tuple[str, dict[str, float]]:
        """The first test that fails, within the seconds that a mutant has, and each one's."""
        self.items[0].config.pluginmanager.unregister(name="terminalreporter")
        items = sorted(
            self.items,
            key=lambda i: (i.nodeid in self.known, -kills[i.nodeid], self.known.get(i.nodeid, 0)),
        )
        left = self.allowed if self.known else math.inf
        for item, after in zip(items, [*items[1:], None], strict=True):
            left -= self.known.get(item.nodeid, 0)
            if self.failed or left < 0:
                break
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        return self.failed, self.seconds


def _change(old: dict[str, Any], new: dict[str, Any], module: str, seen: set[int]) -> None:
    """Give what `old` holds the code, defaults and values of its namesake in `new`.

    Whoever imported a function or a class has then a changed one; a constant that was imported by
    name, or a class that is decorated otherwise, stays as it was: see `anew`.
    """
    for name, value in [*old.items()]:
        other = new.get(name)
        if type(other).__qualname__ != type(value).__qualname__:
            continue
        if not isinstance(value, (int, float, str)):  # of which one object stands in many places
            if id(value) in seen:
                continue
            seen.add(id(value))
        if isinstance(value, (property, classmethod, staticmethod)):
            value, other = (getattr(v, "fget", None) or v.__func__ for v in (value, other))
        if isinstance(value, FunctionType):
            value, other = (inspect.unwrap(v) for v in (value, other))
            if value.__module__ == module and value.__code__.co_freevars == (
                other.__code__.co_freevars
            ):
                value.__code__, value.__defaults__, value.__kwdefaults__ = (
                    other.__code__,
                    other.__defaults__,
                    other.__kwdefaults__,
                )
        elif isinstance(value, type):
            if value.__module__ == module:
                _change(dict(vars(value)), dict(vars(other)), module, seen)
        elif isinstance(value, (tuple, list)):
            _change(dict(enumerate(value)), dict(enumerate(other)), module, seen)
        elif isinstance(value, dict) and name != "__builtins__":
            _change(value, other, module, seen)
        elif dataclasses.is_dataclass(value) and type(value).__module__ == module:
            _change(vars(value), vars(other), module, seen)
        if isinstance(value, (int, float, str, tuple)) and not str(name).startswith("__"):
            old[name] = other


def _anew(module: str, source: str, kills: collections.Counter[str]) -> str:
    """Judge a mutant by all tests in a fork that imports everything of this tree anew."""
    file = Path("diffusion_core", f"{module}.py")
    before = file.read_text("utf-8")
    file.write_text(source, "utf-8")
    try:
        return _forked(_run_all)[0]
    finally:
        file.write_text(before, "utf-8")


def _run_all() -> tuple[str, dict[str, float]]:
    tests = Tests()
    code = pytest.main([*WORDS, "-x"], plugins=[tests])
    return tests.failed or ("it does not import" if code else ""), tests.seconds


def _forked(work: Callable[[], tuple[str, Any]], seconds: int = SECONDS) -> tuple[str, Any]:
    """What `work` gives, in a fork that is ended after so many seconds of CPU."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
        quiet = os.open(os.devnull, os.O_WRONLY)
        for number in (1, 2):
            os.dup2(quiet, number)
        try:
            answer = work()
        except BaseException as error:
            answer = f"it raises {type(error).__name__}", {}
        with os.fdopen(writer, "w", encoding="utf-8") as file:
            json.dump(answer, file)
        os._exit(0)
    os.close(writer)
    with open(reader, encoding="utf-8") as file:
        words = file.read()
    os.waitpid(child, 0)
    return tuple(json.loads(words)) if words else ("it does not end", {})


def _meaning(source: str) -> str | None:
    """A source's syntax tree without its annotations, which are never evaluated.

    None if it is no Python: cosmic-ray puts `not` before an assignment expression without brackets.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    return ast.dump(tree)


def _difference(before: str, after: str) -> str:
    """The lines that differ."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return "\n".join(line for line in lines if not line.startswith(("---", "+++")))


def _report(folder: Path, database: Any, modules: list[str]) -> None:
    """Print the counts of each module, and write the survivors to FOLDER/survivors.txt."""
    results = dict(database.results)
    counts: dict[str, collections.Counter[str]] = {m: collections.Counter() for m in modules}
    survivors = []
    for job, mutation, module in _mutants(database, modules):
        result = results.get(job)
        if result is None:
            outcome = "pending"
        else:
            outcome = result.test_outcome.value if result.test_outcome else "skipped"
        counts[module][outcome] += 1
        if outcome == "survived":
            survivors.append(f"{module}.py, {mutation.operator_name}\n{result.diff}\n")
    for module, count in counts.items():
        tested = count["killed"] + count["survived"]
        share = count["killed"] / tested if tested else 0
        print(
            f"{module + '.py':14} {tested:5} mutants, {count['killed']:5} killed ({share:.1%}), "
            f"{count['survived']:4} survived, {count['pending']:4} not yet tested"
        )
    (folder / "survivors.txt").write_text("\n".join(survivors), "utf-8")


if __name__ == "__main__":
    main()
