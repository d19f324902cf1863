"""The contract of a PromQL function of a plugin: the same answer at each step, for each series, and each time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from narthex.errors import QueryError
from narthex.kinds import PromqlFunction
from narthex.model.labels import Labels
from narthex.model.sample import MISSING, STALE_NAN
from narthex.promql.value import RangeVector
from narthex.storage.memory import MemoryStorage
from narthex.storage.protocol import Batch
from narthex.testing.rig import Rig
from narthex.testing.rule import Broken, Unchecked, rule

if TYPE_CHECKING:
    from narthex.promql.engine import Engine

__all__ = ["RULES", "FunctionRig"]

T0 = 1_700_000_000_000
STEP = 15_000
_ROWS = 60
_EXPRESSIONS = {"vector": "m", "matrix": "m[2m]", "scalar": "2", "string": '"x"'}


class FunctionRig(Rig):
    """A function of PromQL. It needs nothing more; ``calls`` may give better arguments than the common ones."""

    stage: ClassVar[str] = "function"

    def calls(self) -> Sequence[str]:
        """Calls to try, over the series ``m`` (eight of them, with gaps, resets, NaN and infinities)."""
        kind: PromqlFunction = self.described()
        return (f"{kind.name}({', '.join(_EXPRESSIONS[one] for one in kind.args)})",)

    def engine(self, series: Sequence[int] = range(8)) -> Engine:
        """An engine over some of the series, with the plugin's functions; imported by who needs it only."""
        from narthex.promql.contributed import with_plugins
        from narthex.promql.engine import Engine
        from narthex.promql.engine.functions.contributed import standard_and
        from narthex.promql.parser import ALL_OPTIONS

        catalog = self.catalog()
        options, functions = with_plugins(catalog, ALL_OPTIONS), standard_and(catalog)
        return Engine(_filled(series), options=options, functions=functions)


def _filled(series: Sequence[int]) -> MemoryStorage:
    """Series ``m`` with 60 samples, 15 s apart."""
    storage = MemoryStorage()
    lane = storage.open_lane(STEP, 0)
    lane.extend(storage.register([Labels({"__name__": "m", "i": str(i), "half": str(i // 4)}) for i in series]))
    for at in range(_ROWS):
        gap = MISSING if at % 7 == 3 else float(at)
        ended = STALE_NAN if at == 30 else MISSING if 30 < at < 45 else float(at)
        odd = (np.nan, np.inf, -np.inf, 0.0, -1.5)[at % 5]
        values = [float(at), float(at % 20), gap, ended, odd, 1.0, -float(at), 1e300 * at]
        storage.append(Batch(lane, T0 + at * STEP, np.array([values[i] for i in series])))
    return storage


Cells = dict[tuple[Labels, int], bytes]


def _range(engine: Engine, call: str, first: int = 0, last: int = _ROWS + 5) -> Cells:
    """The answer, by labels and time, as bits. Raises ``Broken`` where the query fails."""
    try:
        with np.errstate(all="ignore"):
            value = engine.range(call, T0 + first * STEP, T0 + last * STEP, STEP).value
    except QueryError as error:
        raise Broken(f"{call} fails: {error}") from error
    if not isinstance(value, RangeVector):
        raise Unchecked(f"{call} answers with text, not with numbers")
    rows = np.repeat(np.arange(value.labels.rows), np.diff(value.offsets))
    labels = value.labels.all_labels()
    bits = value.values + 0.0  # all zeros alike
    return {
        (labels[row], time): np.float64(bits[at]).tobytes() if bits[at] == bits[at] else b"NaN"
        for at, (row, time) in enumerate(zip(rows.tolist(), value.times.tolist(), strict=True))
    }


def _difference(one: Cells, other: Cells) -> str:
    """The first cell in which two answers differ, in words; empty where there is none."""
    for key in sorted({*one, *other}, key=lambda pair: (str(pair[0]), pair[1])):
        if one.get(key) != other.get(key):
            values = [_number(cells.get(key)) for cells in (one, other)]
            return f"{key[0]} at step {(key[1] - T0) // STEP} is {values[0]} or {values[1]}"
    return ""


def _number(bits: bytes | None) -> str:
    return "absent" if bits is None else "NaN" if bits == b"NaN" else str(np.frombuffer(bits)[0])


@rule("function/evaluates")
async def evaluates(rig: FunctionRig) -> None:
    """It evaluates over gaps, resets, NaN and infinities, with a result of the right shape and type."""
    for call in rig.calls():
        _range(rig.engine(), call)


@rule("function/empty")
async def empty(rig: FunctionRig) -> None:
    """It evaluates where there is nothing: no series, no samples in the windows, a single step."""
    for call in rig.calls():
        _range(rig.engine([]), call)
        _range(rig.engine(), call, -50, -40)
        _range(rig.engine([0]), call, 5, 5)


@rule("function/steps")
async def steps(rig: FunctionRig) -> None:
    """The answer at a step is the same, whichever other steps are asked for."""
    for call in rig.calls():
        engine = rig.engine()
        whole = _range(engine, call)
        for step in (0, 1, 29, 30, 31, 44, 45, _ROWS + 2):
            here = {key: bits for key, bits in whole.items() if key[1] == T0 + step * STEP}
            if found := _difference(here, _range(engine, call, step, step)):
                raise Broken(f"{call} depends on the other steps: {found}")


@rule("function/series")
async def series(rig: FunctionRig) -> None:
    """Where it is computed over values or windows, each series' answer depends on that series only."""
    if rig.described().over == "call":
        raise Unchecked("it evaluates its arguments itself, and may put series together")
    for call in rig.calls():
        whole = _range(rig.engine(), call)
        apart: Cells = {}
        for one in range(8):
            apart |= _range(rig.engine([one]), call)
        if found := _difference(whole, apart):
            raise Broken(f"{call} depends on the other series: {found}")


@rule("function/repeatable")
async def repeatable(rig: FunctionRig) -> None:
    """The same question has the same answer, also while others ask."""
    for call in rig.calls():
        engine = rig.engine()
        answers = await asyncio.gather(*(asyncio.to_thread(_range, engine, call) for _ in range(4)))
        for one in answers[1:]:
            if found := _difference(answers[0], one):
                raise Broken(f"{call} answers differently when asked again: {found}")


@rule("function/pure")
async def pure(rig: FunctionRig) -> None:
    """It does not write to the arrays that it is given."""
    kind: PromqlFunction = rig.described()
    if kind.over != "values":
        raise Unchecked("only functions over values are given arrays that can be watched")
    values = np.arange(12.0).reshape(3, 4)
    scalars = [np.full((3, 1), 2.0) for _ in kind.args[1:]]
    for one in (values, *scalars):
        one.flags.writeable = False
    try:
        kind.compute(values, *scalars)
    except ValueError as error:
        raise Broken(f"writes to an array that it was given: {error}") from error


RULES = (evaluates, empty, steps, series, repeatable, pure)
