"""The query in its thread: SQLite for what a database does, a driver of our own for what SQLite does not."""

from __future__ import annotations

import sqlite3
import sys
import threading
from types import SimpleNamespace

import pytest
from narthex_sql import SqlConfig
from narthex_sql.query import Query

from narthex.config.types import Secret
from narthex.errors import DiscoveryError


@pytest.fixture
def driver(monkeypatch):
    """A DB-API driver that answers one row, and remembers how it was called."""
    seen = SimpleNamespace(arguments=None, closed=0, error=None)

    class Connection:
        description = (("address", None),)

        def cursor(self):
            return self

        def execute(self, _query):
            if seen.error:
                raise seen.error

        def fetchmany(self, _most):
            return [("a:1",)]

        def close(self):
            seen.closed += 1

    def connect(*positional, **options):
        seen.arguments = positional, options
        return Connection()

    monkeypatch.setitem(sys.modules, "fakesql", SimpleNamespace(apilevel="2.0", connect=connect))
    return seen


def test_the_driver_gets_dsn_options_and_password(driver):
    config = SqlConfig("SELECT", "fakesql", "db.example", Secret("hush"), options={"user": "me", "connect_timeout": 5})
    assert Query(config).run().rows == [("a:1",)]
    assert driver.arguments == (("db.example",), {"user": "me", "connect_timeout": 5, "password": "hush"})
    assert driver.closed == 1


def test_a_password_file_is_read_for_every_connection(driver, tmp_path):
    file = tmp_path / "password"
    for password in ("old", "new"):
        file.write_text(f"{password}\n")
        Query(SqlConfig("SELECT", "fakesql", password_file=str(file))).run()
        assert driver.arguments == ((), {"password": password})


def test_what_the_driver_raises_is_one_line_without_the_password(driver):
    driver.error = RuntimeError("cannot log in with 'hush'")
    with pytest.raises(DiscoveryError) as raised:
        Query(SqlConfig("SELECT", "fakesql", password=Secret("hush"))).run()
    assert str(raised.value) == "fakesql: RuntimeError: cannot log in with '<secret>'"
    assert raised.value.__cause__ is None
    assert driver.closed == 1


@pytest.mark.parametrize(
    ("module", "problem"), [("no_such_driver", "cannot be imported"), ("json", "json is no driver of Python's DB-API")]
)
def test_a_driver_that_is_none_is_told(module, problem):
    with pytest.raises(DiscoveryError, match=problem):
        Query(SqlConfig("SELECT", module)).run()


def test_too_many_rows_are_refused():
    counting = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 5) SELECT n AS address FROM c"
    assert len(Query(SqlConfig(counting, dsn=":memory:", max_rows=5)).run().rows) == 5
    assert len(Query(SqlConfig(counting, dsn=":memory:", max_rows=0)).run().rows) == 5
    with pytest.raises(DiscoveryError, match="more than 4 rows"):
        Query(SqlConfig(counting, dsn=":memory:", max_rows=4)).run()


def test_a_statement_without_rows_is_refused():
    with pytest.raises(DiscoveryError, match="it must be a SELECT"):
        Query(SqlConfig("CREATE TABLE t (address)", dsn=":memory:")).run()


def test_a_query_that_runs_on_can_be_stopped_from_another_thread():
    endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) AS address FROM c"
    query, begun = Query(SqlConfig(endless, dsn=":memory:")), threading.Event()
    raised = []

    def run():
        begun.set()
        try:
            query.run()
        except DiscoveryError as error:
            raised.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    begun.wait()
    while thread.is_alive():  # the first calls may come before there is a connection, or a statement, to end
        query.stop()
        thread.join(0.01)
    assert raised in (["stopped"], ["sqlite3: OperationalError: interrupted"])


def test_a_query_that_was_stopped_before_it_began_does_not_run(tmp_path):
    query = Query(SqlConfig("CREATE TABLE t (address)", dsn=str(tmp_path / "db")))
    query.stop()
    with pytest.raises(DiscoveryError, match="stopped"):
        query.run()
    with sqlite3.connect(tmp_path / "db") as connection:
        assert connection.execute("SELECT * FROM sqlite_master").fetchall() == []
    connection.close()
