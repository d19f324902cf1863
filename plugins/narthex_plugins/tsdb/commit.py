"""Group commit: appends count as durable when their records are on disk, and nobody waits for it on the event loop.

With ``wal_fsync: always`` every append asks for a commit. One thread writes and syncs the logs; what is appended while
a sync is under way is covered by the next, so a slow disk makes groups larger and not the loop slower. Who wants to
claim that something is safe waits for :meth:`GroupCommit.acknowledged`. A disk that hangs or refuses leaves that
pending, for as long as it takes; samples are in memory meanwhile, where rules and queries see them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from narthex.errors import StorageError

__all__ = ["GroupCommit"]

_RETRY = 0.2
"""Seconds between two attempts while the disk refuses."""


class GroupCommit:
    """``flush`` makes everything durable that was appended before it was called.

    It returns False when it could not, and raises ``StorageError`` when something was given up for good. ``tell`` is
    told how many samples are not on disk yet.
    """

    def __init__(self, flush: Callable[[], bool], tell: Callable[[int], None]) -> None:
        self._flush = flush
        self._tell = tell
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._appends = 0
        self._samples = 0
        self._durable = 0
        self._waiting: list[tuple[int, Future[None]]] = []
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to commit."""
        self._thread = threading.Thread(target=self._run, name="tsdb-commit", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Commit what is left, in one more attempt; who still waits then gets ``StorageError``."""
        if self._thread is None:
            return
        self._stopping.set()
        self._asked.set()
        self._thread.join()
        self._thread = None
        self._finish(self._appends, StorageError("the storage was stopped before the samples were on disk"))

    def ask(self, samples: int) -> None:
        """So many samples were appended; their records are queued. Returns at once."""
        with self._lock:
            self._appends += 1
            self._samples += samples
        self._asked.set()

    def acknowledged(self) -> Future[None]:
        """Done when all that was appended before this call is on disk; fails with ``StorageError`` when it is lost."""
        future: Future[None] = Future()
        with self._lock:
            if self._durable < self._appends:
                self._waiting.append((self._appends, future))
                return future
        future.set_result(None)
        return future

    def _run(self) -> None:
        while True:
            self._asked.wait()
            last = self._stopping.is_set()
            self._asked.clear()
            if last:
                self._commit()
                return
            if not self._commit() and not self._stopping.wait(_RETRY):
                self._asked.set()

    def _commit(self) -> bool:
        with self._lock:
            appends, samples = self._appends, self._samples
        self._tell(samples)
        error: StorageError | None = None
        try:
            done = self._flush()
        except StorageError as given_up:
            done, error = True, given_up
        if done:
            with self._lock:
                self._samples -= samples
                samples = self._samples
            self._tell(samples)
            self._finish(appends, error)
        return done

    def _finish(self, appends: int, error: StorageError | None) -> None:
        with self._lock:
            self._durable = max(self._durable, appends)
            over = [future for position, future in self._waiting if position <= appends]
            self._waiting = [one for one in self._waiting if one[0] > appends]
        for future in over:
            if not future.set_running_or_notify_cancel():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
