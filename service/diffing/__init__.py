"""Report which rows of a dataset really changed between two CSV exports."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffing.engine.python import Difference, diff

__all__ = ["Difference", "diff"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """A name of `__all__`, imported late: `import diffing` loads no other module."""
    if name in __all__:
        from diffing.engine import python

        return getattr(python, name)
    raise AttributeError(f"module 'diffing' has no attribute '{name}'")
