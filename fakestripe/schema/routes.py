"""The routes of API v1, read from stripe-python's generated ``*_service.py`` modules.

The modules import their parameter types under TYPE_CHECKING only, so the source is parsed, not run.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Route:
    """One API call: ``method`` in lower case, ``template`` with ``{names}``, and where its types are.

    ``params`` is ``(module, class)`` of the TypedDict, or None when the call takes no parameters.
    ``returns`` is the source text of the return annotation, e.g. ``ListObject[Refund]``.
    """

    method: str
    template: str
    params: tuple[str, str] | None
    returns: str
    module: str

    @property
    def name(self) -> str:
        """For messages: ``POST /v1/refunds``."""
        return f"{self.method.upper()} {self.template}"


def package_root() -> Path:
    """Where the installed ``stripe`` package lies."""
    spec = importlib.util.find_spec("stripe")
    if spec is None or spec.origin is None:
        raise RuntimeError("stripe-python is not installed: fakestripe takes its schema from it")
    return Path(spec.origin).parent


def type_imports(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """Every ``from module import name as alias`` of a module: alias -> (module, name)."""
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


@functools.cache
def all_routes() -> tuple[Route, ...]:
    """All v1 routes that stripe-python knows."""
    root = package_root()
    found: list[Route] = []
    for path in sorted(root.rglob("_*_service.py")):
        relative = path.relative_to(root.parent).with_suffix("")
        found += _routes_of(path, ".".join(relative.parts))
    return tuple(found)


def _routes_of(path: Path, module: str) -> list[Route]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = type_imports(tree)
    functions = (
        item
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        for item in node.body
        if isinstance(item, ast.FunctionDef)
    )
    return [route for function in functions if (route := _route(function, module, imports))]


def _route(function: ast.FunctionDef, module: str, imports: dict[str, tuple[str, str]]) -> Route | None:
    for call in ast.walk(function):
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "_request":
            method, template = _text(call.args[0]), _text(call.args[1])
            if method and template and template.startswith("/v1/"):
                returns = _text(function.returns) or ""
                return Route(method, template, _params(function, imports), returns, module)
    return None


def _text(node: ast.expr | None) -> str | None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.func.value  # "/v1/refunds/{refund}".format(...)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _params(function: ast.FunctionDef, imports: dict[str, tuple[str, str]]) -> tuple[str, str] | None:
    for argument in function.args.args:
        if argument.arg == "params" and argument.annotation is not None:
            names = [_text(node) for node in ast.walk(argument.annotation) if isinstance(node, ast.Constant)]
            return next((imports[name] for name in names if name in imports), None)
    return None


@functools.cache
def _by_shape() -> dict[tuple[str, int], tuple[Route, ...]]:
    shapes: dict[tuple[str, int], list[Route]] = {}
    for route in all_routes():
        shapes.setdefault((route.method, route.template.count("/")), []).append(route)
    return {
        key: tuple(sorted(group, key=lambda route: route.template.count("{")))
        for key, group in shapes.items()
    }


def match(method: str, path: str) -> tuple[Route, list[str]] | None:
    """The route of a request and the ids in its path; literal segments win over ``{placeholders}``."""
    parts = path.split("/")
    for route in _by_shape().get((method.lower(), path.count("/")), ()):
        ids = _ids(route.template.split("/"), parts)
        if ids is not None:
            return route, ids
    return None


def _ids(template: list[str], parts: list[str]) -> list[str] | None:
    ids: list[str] = []
    for pattern, part in zip(template, parts, strict=True):
        if pattern.startswith("{"):
            if not part:
                return None
            ids.append(part)
        elif pattern != part:
            return None
    return ids
