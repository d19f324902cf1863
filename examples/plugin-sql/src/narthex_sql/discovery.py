"""Asks the database again and again, in a thread of its own: drivers block."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from narthex.discovery.refresh import refresh
from narthex.kinds import BuildContext, Discoverer, Publish
from narthex.model.targetgroup import TargetGroup
from narthex_sql import SqlConfig
from narthex_sql.query import Query
from narthex_sql.rows import groups_of


class SqlDiscoverer:
    """One block of the configuration at work."""

    def __init__(self, config: SqlConfig, context: BuildContext) -> None:
        self._config = config
        self._context = context

    async def run(self, publish: Publish) -> None:
        """Ask until cancelled, or until an answer cannot be used."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="sql-discovery")
        try:
            await refresh(self._config.refresh_interval, lambda: self._fetch(thread), self._context).run(publish)
        finally:
            thread.shutdown(wait=False, cancel_futures=True)

    async def _fetch(self, thread: ThreadPoolExecutor) -> Sequence[TargetGroup]:
        """The full set."""
        query = Query(self._config)
        try:
            answer = await asyncio.get_running_loop().run_in_executor(thread, query.run)
        except asyncio.CancelledError:
            query.stop()  # a thread cannot be cancelled, but most databases can be told
            raise
        return groups_of(answer.columns, answer.rows)


_: type[Discoverer] = SqlDiscoverer
