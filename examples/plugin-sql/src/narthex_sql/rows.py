"""From rows to target groups: a pure function."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from narthex.config.names import sanitize_label_name
from narthex.errors import DiscoveryError
from narthex.model.targetgroup import TargetGroup

ADDRESS = "address"
"""The column that becomes ``__address__``."""


def groups_of(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[TargetGroup]:
    """A target for each row, and a group for each address; rows of one address are targets of one group.

    Column ``address`` is the address; any other becomes ``__meta_sql_<column>``, and NULL leaves the label out. Raises
    ``DiscoveryError`` for columns that collide, and for a row without an address.
    """
    labels = [_label(column) for column in columns]
    twice = {name for name in labels if labels.count(name) > 1}
    if twice or "__address__" not in labels:
        problem = f"two columns give {min(twice)}" if twice else f"no column is named {ADDRESS}"
        raise DiscoveryError(f"{problem}; the query answers {', '.join(columns)}")
    targets: dict[str, list[dict[str, str]]] = defaultdict(list)
    for number, row in enumerate(rows, 1):
        target = {name: _text(value) for name, value in zip(labels, row, strict=True) if value is not None}
        if not target.get("__address__"):
            raise DiscoveryError(f"row {number} has no address")
        if target not in targets[target["__address__"]]:
            targets[target["__address__"]].append(target)
    return [TargetGroup(address, tuple(found)) for address, found in targets.items()]


def _label(column: str) -> str:
    name = column.lower()
    return "__address__" if name == ADDRESS else f"__meta_sql_{sanitize_label_name(name)}"


def _text(value: object) -> str:
    """A value as a label: true and false as SQL's users write them, bytes as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode(errors="replace")
    return str(value)
