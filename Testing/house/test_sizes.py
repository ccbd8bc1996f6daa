"""Small rooms: limits on files, functions and classes, and nothing defined twice."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from support.source_tree import SourceFile, shipped

FILE_LINES = 300
FUNCTION_LINES = 50
CLASS_METHODS = 20

Function = ast.FunctionDef | ast.AsyncFunctionDef
each_file = pytest.mark.parametrize("file", shipped(), ids=lambda file: file.name)


def _functions(body: list[ast.stmt]) -> list[Function]:
    return [node for node in body if isinstance(node, Function)]


@each_file
def test_a_file_stays_within_its_limit(file: SourceFile) -> None:
    assert len(file.text.splitlines()) <= FILE_LINES


@each_file
def test_a_function_stays_within_its_limit(file: SourceFile) -> None:
    for node in ast.walk(file.tree):
        if isinstance(node, Function) and node.end_lineno is not None:
            assert node.end_lineno - node.lineno + 1 <= FUNCTION_LINES, f"{node.name} is too long"


@each_file
def test_a_class_has_few_methods_and_none_is_defined_twice(file: SourceFile) -> None:
    bodies = [file.tree.body] + [node.body for node in ast.walk(file.tree) if isinstance(node, ast.ClassDef)]
    for number, body in enumerate(bodies):
        names = Counter(f.name for f in _functions(body) if not _is_overload(f))
        twice = [name for name, count in names.items() if count > 1]
        assert not twice, f"defined twice: {twice}"
        assert number == 0 or len(names) <= CLASS_METHODS


@each_file
def test_every_module_and_public_function_says_what_it_is(file: SourceFile) -> None:
    if file.path.name == "__init__.py":
        return
    assert ast.get_docstring(file.tree), "the module has no docstring"
    for node in file.tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


def _is_overload(function: Function) -> bool:
    marks = {"overload", "setter"}
    return any(ast.unparse(d).split(".")[-1] in marks for d in function.decorator_list)
