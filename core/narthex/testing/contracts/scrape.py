"""The contract of a scrape kind: bodies become entries, nonsense an ExpositionError, and its claims are true."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, ClassVar, get_args

from narthex.errors import ExpositionError
from narthex.kinds import ScrapeKind
from narthex.plugins.failure import describe
from narthex.scrape.exposition import Entry, HistogramSeries, Series
from narthex.scrape.negotiate import media_type
from narthex.testing.rig import Rig, optional
from narthex.testing.rule import Broken, Unchecked, rule

__all__ = ["RULES", "ScrapeRig"]

Body = tuple[bytes, str]
Sample = Series | HistogramSeries

_SEED = 20_261_122
_ROUNDS = 400
_PIECES = (b"", b"\x00", b"\xff", b"\n", b"#", b"{", b"}", b'"', b"=", b"1e999", b"NaN", b" ", b"a" * 5000)
_NUMBER = 7.0


class ScrapeRig(Rig):
    """A body format. Without bodies only nonsense is tried; the methods are optional.

    Bodies come with the ``Content-Type`` of the answer they stand in.
    """

    stage: ClassVar[str] = "scrape"

    @optional
    def bodies(self) -> Sequence[Body]:
        """Bodies that parse, each with a sample at least."""
        return ()

    @optional
    def bad(self) -> Sequence[Body]:
        """Bodies that do not parse."""
        return ()

    def parse(self, body: bytes, content_type: str) -> list[Any]:
        """The entries. Raises ``ExpositionError`` as the parser does, and ``Broken`` where it raises anything else."""
        try:
            return list(self.described().parse(body, content_type))
        except ExpositionError:
            raise
        except Exception as error:
            raise Broken(f"parse raised {describe(error)} for {body!r:.100}, expected an ExpositionError") from error

    def type(self) -> str:
        """A content type that chooses this parser."""
        kinds: ScrapeKind = self.described()
        return kinds.media_types[0] if kinds.media_types else ""


@rule("scrape/negotiation")
async def negotiation(rig: ScrapeRig) -> None:
    """Each Accept entry asks for a media type that the kind reads."""
    kind: ScrapeKind = rig.described()
    if not kind.protocols or not kind.media_types:
        raise Broken("has no protocols or no media_types, so that nothing can choose it")
    for name, entry in kind.protocols:
        if media_type(entry) not in kind.media_types:
            raise Broken(f"protocol {name} asks for {entry!r}, but the kind reads {', '.join(kind.media_types)}")


@rule("scrape/entries", needs=("bodies",))
async def entries(rig: ScrapeRig) -> None:
    """A body becomes entries of the common kinds, with a sample among them, the same ones each time."""
    for body, content_type in rig.bodies():
        found = _parsed(rig, body, content_type)
        for one in found:
            if not isinstance(one, get_args(Entry)):
                raise Broken(f"parse returned {one!r:.80}, which is no entry of narthex.scrape.exposition")
        for sample in _samples(found):
            _check_sample(sample)
        if repr(rig.parse(body, content_type)) != repr(found):
            raise Broken(f"parse returned other entries when the body {body!r:.60} was parsed again")


def _parsed(rig: ScrapeRig, body: bytes, content_type: str) -> list[Any]:
    try:
        found = rig.parse(body, content_type)
    except ExpositionError as error:
        raise Broken(f"refuses the body {body!r:.60}, which the rig says is right: {error}") from error
    if not _samples(found):
        raise Broken(f"found no sample in the body {body!r:.60}")
    return found


def _check_sample(sample: Sample) -> None:
    if "__name__" not in sample.labels:
        raise Broken(f"the sample {sample.series!r:.80} has no __name__ among its labels")
    if not all(type(text) is str for pair in sample.labels.items() for text in pair):
        raise Broken(f"the labels of {sample.series!r:.80} are not all text: {dict(sample.labels)!r:.120}")
    if sample.timestamp is not None and not isinstance(sample.timestamp, int):
        raise Broken(f"the timestamp of {sample.series!r:.80} is {sample.timestamp!r}, expected whole ms")


def _samples(found: Sequence[Any]) -> list[Sample]:
    return [one for one in found if isinstance(one, Sample)]


@rule("scrape/errors", needs=("bad",))
async def errors(rig: ScrapeRig) -> None:
    """A body that does not parse is an ExpositionError of one line."""
    for body, content_type in rig.bad():
        try:
            rig.parse(body, content_type)
        except ExpositionError as error:
            if "\n" in str(error):
                raise Broken(f"the error for {body!r:.60} has several lines: {error}") from error
        else:
            raise Broken(f"takes the body {body!r:.60}, which the rig says is wrong")


@rule("scrape/fuzz")
async def fuzz(rig: ScrapeRig) -> None:
    """Whatever bytes a target sends, parse returns entries or raises ExpositionError."""
    source = random.Random(_SEED)  # noqa: S311 -- the same bodies each time, so that a failure comes again
    given = list(rig.bodies()) if rig.provides("bodies") else []
    given = given or [(b'# TYPE up gauge\nup{job="x"} 1\n', rig.type())]
    for body in _damaged(source, [one for one, _ in given]):
        with suppress(ExpositionError):
            rig.parse(body, source.choice(given)[1])


def _damaged(source: random.Random, bodies: Sequence[bytes]) -> Iterator[bytes]:
    """Random bytes, and bodies with pieces taken out, doubled, or put in."""
    for _ in range(_ROUNDS):
        yield source.randbytes(source.randrange(60))
        body = source.choice(bodies)
        low, high = sorted((source.randrange(len(body) + 1), source.randrange(len(body) + 1)))
        yield body[:low] + source.choice((b"", body[low:high] * 2, *_PIECES)) + body[high:]


@rule("scrape/line-oriented", needs=("bodies",))
async def line_oriented(rig: ScrapeRig) -> None:
    """Where line_oriented is claimed, each sample is a line that begins with its series and goes on with its value."""
    if not rig.described().line_oriented:
        raise Unchecked("the kind does not claim to be line-oriented")
    for body, content_type in rig.bodies():
        found = _samples(_parsed(rig, body, content_type))
        lines, at = body.split(b"\n"), -1
        for number, sample in enumerate(found):
            series = sample.series.encode()
            at = next((place for place in range(at + 1, len(lines)) if lines[place].lstrip().startswith(series)), -1)
            if not series or at < 0:
                raise Broken(f"there is no line of its own that begins with the series {sample.series!r:.80}")
            if number < 20:  # each of them parses the body anew
                _check_line(rig, lines, at, series, (content_type, found, number))


def _check_line(
    rig: ScrapeRig, lines: Sequence[bytes], at: int, series: bytes, what: tuple[str, Sequence[Sample], int]
) -> None:
    """Another value on the line gives the same samples, but for the value of this one."""
    content_type, before, number = what
    head, _, rest = lines[at].partition(series)
    _, space, tail = rest.lstrip().partition(b" ")
    changed = [*lines[:at], head + series + b" 7" + space + tail, *lines[at + 1 :]]
    try:
        after = _samples(rig.parse(b"\n".join(changed), content_type))
    except ExpositionError as error:
        raise Broken(f"refuses another value for {series!r:.80}: {error}") from error
    same = [(one.labels, one.timestamp) for one in before] == [(one.labels, one.timestamp) for one in after]
    if not same or getattr(after[number], "value", None) != _NUMBER:
        raise Broken(f"another value on the line of {series!r:.80} changed more than that sample's value")


@rule("scrape/timestamp", needs=("bodies",))
async def timestamp(rig: ScrapeRig) -> None:
    """Where there is a timestamp function, it reads what parse reads, and gives None for anything else."""
    read = rig.described().timestamp
    if read is None:
        raise Unchecked("the kind has no timestamp function")
    for text in (b"", b"x", b"1 2", b"0x10", b"1_0", b"\xef\xbc\x91"):
        if (found := read(text)) is not None:
            raise Broken(f"timestamp({text!r}) is {found!r}, expected None")
    for body, content_type in rig.bodies():
        for sample in _samples(_parsed(rig, body, content_type)):
            if sample.timestamp is not None:
                line = next((one for one in body.split(b"\n") if one.lstrip().startswith(sample.series.encode())), b"")
                tail = line.partition(sample.series.encode())[2].split(None, 1)[1:]
                if tail and (found := read(tail[0])) not in {None, sample.timestamp}:
                    raise Broken(f"timestamp({tail[0]!r}) is {found}, but parse reads {sample.timestamp}")


RULES = (negotiation, entries, errors, fuzz, line_oriented, timestamp)
