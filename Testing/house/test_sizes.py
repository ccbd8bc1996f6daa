"""Small rooms: limits on files, functions and classes, and nothing defined twice."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from support.source_tree import SourceFile, shipped

FILE_LINES = 300
FUNCTION_LINES = 50
CLASS_METHODS = 20

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_a_file_stays_within_its_limit() -> None:
    long = [file.name for file in shipped() if len(file.text.splitlines()) > FILE_LINES]
    assert not long, long


def test_a_function_stays_within_its_limit() -> None:
    long = [
        f"{file.name}: {node.name}"
        for file in shipped()
        for node in ast.walk(file.tree)
        if isinstance(node, Function) and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES
    ]
    assert not long, long


def test_a_class_has_few_methods_and_none_is_defined_twice() -> None:
    broken = [f"{file.name}: {words}" for file in shipped() for words in _crowded(file)]
    assert not broken, broken


def test_every_module_and_public_function_says_what_it_is() -> None:
    silent = [f"{file.name}: {name}" for file in shipped() for name in _undescribed(file)]
    assert not silent, silent


def _crowded(file: SourceFile) -> Iterator[str]:
    bodies = [file.tree.body] + [node.body for node in ast.walk(file.tree) if isinstance(node, ast.ClassDef)]
    for number, body in enumerate(bodies):
        names = Counter(f.name for f in body if isinstance(f, Function) and not _is_overload(f))
        yield from (f"{name} is defined twice" for name, count in names.items() if count > 1)
        if number and len(names) > CLASS_METHODS:
            yield f"a class of {len(names)} methods"


def _undescribed(file: SourceFile) -> Iterator[str]:
    if file.path.name == "__init__.py":
        return
    if not ast.get_docstring(file.tree):
        yield "the module"
    for node in file.tree.body:
        public = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
        if public and not ast.get_docstring(node):
            yield node.name


def _is_overload(function: Function) -> bool:
    marks = {"overload", "setter"}
    return any(ast.unparse(d).split(".")[-1] in marks for d in function.decorator_list)
