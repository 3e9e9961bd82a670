"""What runs at full size only names tests of the quick form: a watcher renamed, or asleep itself, notices nothing."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent


def watched(tree: ast.AST) -> Iterator[str]:
    """The words of every ``pytest.mark.full(…)``, constants and the fixed parts of f-strings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.full"):
            texts = [
                one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
            yield " ".join(texts)


def asleep(tree: ast.Module) -> set[str]:
    """Tests that run at full size only, by a mark of their own or by the name of one in the module."""
    names = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("pytest.mark.full(")
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        for mark in node.decorator_list
        if ast.unparse(mark).startswith("pytest.mark.full(") or (isinstance(mark, ast.Name) and mark.id in names)
    }


def unknown(text: str, tests: set[str], files: set[str]) -> list[str]:
    """Names in ``text`` that are no test and no file of tests; ``test_long_name...`` stands for any with that start."""
    lost = []
    for name, cut in re.findall(r"(test_\w+)(?:\.py)?(\.\.\.)?", text):
        known = tests | files
        if name not in known and not (cut and any(one.startswith(name) for one in known)):
            lost.append(name)
    return lost


def test_every_watcher_exists():
    """With a control. Words without a name of a test speak of other cases of the same one."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(HERE.rglob("*.py"))}
    tests = {
        node.name
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    full = {name for tree in trees.values() for name in asleep(tree)}
    tests -= full  # a name that two files share counts as asleep where one of them is
    files = {path.stem for path in trees}
    lost = {
        f"{path.relative_to(HERE)}: {name}"
        for path, tree in trees.items()
        for text in watched(tree)
        for name in unknown(text, tests, files)
    }
    assert not lost
    assert "test_annealing_over_temperatures_with_distinct_wells" in full
    assert unknown("test_no_such_thing[3] in test_watchers.py", tests, files) == ["test_no_such_thing"]
    assert unknown("test_every_watch... in test_watchers.py", tests, files) == []
