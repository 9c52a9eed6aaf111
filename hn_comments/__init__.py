"""
Watch Hacker News discussions: every comment counted, none guessed.

The public names are listed in `__init__.pyi`, once. They are imported on first use, so that
`hn-comments --help` need not wait for aiohttp.
"""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """
    Import a public name from the module that defines it (PEP 562).
    """
    # Of the names that Python itself looks for, only this one is ours.
    if name == "__all__" or not name.startswith("__"):
        from importlib import import_module

        names = _public_names()
        if name == "__all__":
            return [*names, "__version__"]
        if name in names:
            value = getattr(import_module(f".{names[name]}", __name__), name)
            return globals().setdefault(name, value)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*_public_names(), "__version__", "__doc__"])


def _public_names() -> dict[str, str]:
    """
    Return which module each public name is from.
    """
    import ast
    from importlib.resources import files

    stub = (files(__name__) / "__init__.pyi").read_text(encoding="utf-8")
    return {
        alias.name: str(statement.module)
        for statement in ast.parse(stub).body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
