"""Gradio without type stubs: a third of the time that its import takes.

As Gradio is imported, and for each component class that a page adds, it parses the source of the
class and writes a .pyi file beside it, or compares it with the one that is there. That is for
editors; a page has no use for it. Where another version of Gradio does it elsewhere, nothing is
changed.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MODULE, WRITES = "gradio.component_meta", "create_or_modify_pyi"


class _Finder(MetaPathFinder):
    """Finds the one module, as the other finders do, and takes the function's work away."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_spare(module: ModuleType) -> None:
                execute(module)
                if hasattr(module, WRITES):
                    setattr(module, WRITES, lambda *args: None)

            spec.loader.exec_module = execute_and_spare  # type: ignore[method-assign]
        return spec


def spare_type_stubs() -> None:
    """Have Gradio imported without them, where it has not been imported yet; once is enough."""
    if MODULE not in sys.modules and not any(isinstance(each, _Finder) for each in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
