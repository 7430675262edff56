"""What control-plane code never does: run text as code, unpickle, load YAML as objects, render templates."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.source_files import CONTROL_PLANE, dotted, python_files, shown, tree

MODULES = frozenset({"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "jinja2", "mako"})
"""Unpickling runs code; a template engine fed with a tenant's text does too."""
CALLS = frozenset({"eval", "exec", "compile", "__import__", "yaml.load", "yaml.unsafe_load", "yaml.full_load",
                   "os.system", "os.popen", "tarfile.extractall", "mark_safe"})  # fmt: skip
CLASSES = frozenset({"Template"})


def _forbidden(module: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Call):
            name = dotted(node.func)
            if name in CALLS or name.rpartition(".")[2] in CLASSES:
                found.append(f"line {node.lineno}: {name}(")
            found += [
                f"line {node.lineno}: shell=True"
                for keyword in node.keywords
                if keyword.arg == "shell"
                and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
            ]
            continue
        else:
            continue
        found += [f"line {node.lineno}: import {name}" for name in names if name.split(".")[0] in MODULES]
    return found


def test_the_control_plane_runs_no_text_as_code() -> None:
    found = {shown(path): _forbidden(tree(path)) for path in python_files(*CONTROL_PLANE)}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("import pickle", "import pickle"),
        ("from marshal import loads", "import marshal"),
        ("yaml.load(text)", "yaml.load("),
        ("eval(text)", "eval("),
        ("exec(text)", "exec("),
        ("django.template.Template(text)", "django.template.Template("),
        ("subprocess.run(line, shell=True)", "shell=True"),
    ],
)
def test_each_is_found(text: str, what: str) -> None:
    assert _forbidden(ast.parse(text)) == [f"line 1: {what}"]


@pytest.mark.parametrize(
    "text", ["execute('ledger/sql/x.sql')", "yaml.safe_load(text)", "run(x, shell=False)"]
)
def test_their_namesakes_pass(text: str) -> None:
    assert _forbidden(ast.parse(text)) == []
