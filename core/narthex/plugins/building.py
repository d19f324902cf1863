"""Building what a kind describes: whatever a builder raises, or builds wrongly, is told with the name of its plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from narthex.errors import NarthexError, PluginError
from narthex.kinds import BuildContext
from narthex.plugins.catalog import Contribution

__all__ = ["built"]


class _Builds(Protocol):
    @property
    def name(self) -> str: ...
    def build(self, config: Any, context: BuildContext, /) -> Any: ...


def built(found: Contribution[_Builds], config: object, context: BuildContext, methods: Sequence[str]) -> Any:
    """What the kind builds of a section of the configuration; it has all of ``methods``.

    Raises ``PluginError`` naming kind, plugin and distribution.
    """
    name = f"{found.kind.name} of {found.origin}"
    try:
        one: object = found.kind.build(config, context)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        told = str(error) if isinstance(error, NarthexError) else f"{type(error).__name__}: {error}"
        raise PluginError(f"{name} failed: {told}") from error
    lacking = [method for method in methods if not callable(getattr(one, method, None))]
    if lacking:
        raise PluginError(
            f"{name}: build returned {type(one).__name__}, expected an object with {', '.join(methods)};"
            f" it lacks {', '.join(lacking)}"
        )
    return one
