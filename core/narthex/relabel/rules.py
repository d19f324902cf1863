"""Relabel rules, compiled once at load and then run per target and per new series.

What a rule does is its action's business (:class:`narthex.kinds.RelabelAction`); here they are put in a row. A rule is
a plain function over a plain dict without empty values, because that is the fastest thing there is to run: pluggy,
classes and attribute look-ups stay out of the loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from narthex.config.names import is_label_name
from narthex.errors import PluginError
from narthex.kinds import ActionRule, CompiledAction, RelabelAction
from narthex.model.columnrule import ColumnRule
from narthex.model.labels import Labels
from narthex.plugins.catalog import Catalog

__all__ = ["Rules", "Step", "compile_rules"]


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule did. ``rule`` counts from 0; ``after`` is None where the rule dropped the labels."""

    rule: int
    action: str
    before: Labels
    after: Labels | None


class Rules:
    """A list of compiled rules. Immutable and safe to share between threads."""

    __slots__ = ("_names", "_steps", "columns")

    def __init__(
        self,
        steps: Sequence[CompiledAction] = (),
        names: Sequence[str] = (),
        columns: Sequence[ColumnRule] | None = None,
    ) -> None:
        """``names`` tells each step's action and whose it is, for messages; ``columns`` describe all steps, or none."""
        self._steps = tuple(enumerate(steps))
        self._names = tuple(names)
        self.columns = tuple(columns) if columns is not None and len(columns) == len(self._steps) else None
        """What the rules do, for many label sets at once; None where that is not known of all of them."""

    def __len__(self) -> int:
        return len(self._steps)

    def apply(self, labels: dict[str, str]) -> dict[str, str] | None:
        """Run every rule; None when one drops the labels.

        ``labels`` has no empty values, sorts by name, and is the caller's no more: it may be changed and returned.
        Raises ``PluginError`` when an action fails, which the shipped ones never do.
        """
        return self.decide(labels)[0]

    def decide(self, labels: dict[str, str]) -> tuple[dict[str, str] | None, int | None]:
        """As :meth:`apply`, and the number of the rule that dropped the labels, from 0."""
        index = 0
        try:
            for index, step in self._steps:
                result = step(labels)
                if result is None:
                    return None, index
                labels = result
        except (Exception, SystemExit) as error:
            raise self._failure(index, error) from error
        return labels, None

    def trace(self, labels: Mapping[str, str]) -> tuple[Step, ...]:
        """Every rule's labels before and after, up to the first that drops or fails."""
        steps: list[Step] = []
        before = Labels(labels)
        current = before.to_dict()  # handed from step to step as it is: labelmap goes by the order of the labels
        for index, step in self._steps:
            try:
                result = step(current)
            except (Exception, SystemExit):  # noqa: BLE001 -- decide() reports it; the steps before it are what a trace is for
                break
            after = None if result is None else Labels(result)
            steps.append(Step(index, self._names[index].partition(" ")[0], before, after))
            if result is None or after is None:
                break
            before, current = after, result
        return tuple(steps)

    def _failure(self, index: int, error: BaseException) -> PluginError:
        return PluginError(f"relabel rule {index}: action {self._names[index]} failed: {type(error).__name__}: {error}")


def compile_rules(configs: Sequence[ActionRule], catalog: Catalog, *, legacy_names: bool = False) -> Rules:
    """Compile rules in order. The configuration was checked at load, so this fails for unknown or broken actions only.

    ``legacy_names`` restricts the names a rule may make to ``[a-zA-Z_][a-zA-Z0-9_]*``. Raises ``PluginError``.
    """
    steps: list[CompiledAction] = []
    names: list[str] = []
    columns: list[ColumnRule] = []
    for index, config in enumerate(configs):
        found = catalog.relabel.get(config.action.lower())
        if found is None:
            raise PluginError(f"relabel rule {index}: unknown action {config.action!r}")
        try:
            step = found.kind.compile(config)
        except (Exception, SystemExit) as error:
            raise PluginError(f"relabel rule {index}: action {found.kind.name} of {found.origin}: {error}") from error
        steps.append(_legacy(step) if legacy_names and "$" in config.target_label else step)
        names.append(f"{found.kind.name} of {found.origin}")
        described = _described(found.kind, config, legacy_names=legacy_names)
        columns += [described] if described is not None else []
    return Rules(steps, names, columns)


def _described(kind: RelabelAction, config: ActionRule, *, legacy_names: bool) -> ColumnRule | None:
    """What a rule does, where its action says so; not said is harmless, and so is a plugin that fails to say it."""
    texts = "".join((config.target_label, config.replacement, config.separator))
    if kind.columns is None or (legacy_names and "$" in config.target_label) or not _is_utf8(texts):
        return None
    try:
        return kind.columns(config)
    except (Exception, SystemExit):  # noqa: BLE001 -- the function of one label set does the same, and is checked
        return None


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _legacy(step: CompiledAction) -> CompiledAction:
    """``step`` without the labels it makes under names that the legacy scheme does not know."""

    def run(labels: dict[str, str]) -> dict[str, str] | None:
        before = dict(labels)
        result = step(labels)
        if result is None or result.keys() <= before.keys():
            return result
        return {name: value for name, value in result.items() if name in before or is_label_name(name, legacy=True)}

    return run
