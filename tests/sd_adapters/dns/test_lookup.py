"""Which answers decide, against name servers on loopback that answer as the test says."""

from __future__ import annotations

import threading

import dns.message
import pytest

from narthex.errors import DiscoveryError
from narthex_sd.dns.labels import Record
from narthex_sd.dns.lookup import Found, Resolver
from narthex_sd.dns.message import Question


@pytest.fixture
def resolver(tmp_path):
    """Makes resolvers of the given servers, with a resolv.conf of the given text."""

    def make(*servers, conf="options timeout:30"):
        (tmp_path / "resolv.conf").write_text(conf)
        return Resolver([one if isinstance(one, str) else one.address for one in servers], tmp_path / "resolv.conf")

    return make


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("A", "127.0.0.9", Record("A", "127.0.0.9")),
        ("AAAA", "::9", Record("AAAA", "::9")),
        ("SRV", "10 5 9100 Host.example.", Record("SRV", "Host.example.", 9100)),
        ("MX", "10 mail.example.", Record("MX", "mail.example.")),
        ("NS", "ns.example.", Record("NS", "ns.example.")),
    ],
)
async def test_records_of_each_type_are_found(server, resolver, kind, text, expected):
    one = await server(lambda query, tcp: server.reply(query, (kind, text)))
    assert await resolver(one).lookup("name.example.", kind) == Found((expected,))


async def test_the_question_asks_for_large_datagrams(server, resolver):
    one = await server()
    await resolver(one).lookup("name.example.", "A")
    ((query, _),) = one.asked
    assert (query.edns, query.payload) == (0, 1232)


async def test_an_alias_is_followed_silently_and_other_types_are_told(server, resolver):
    def answer(query, tcp):
        found = server.reply(query, ("CNAME", "other.example."), ("TXT", '"hello"'))
        found.answer.append(dns.rrset.from_text("other.example.", 60, "IN", "A", "127.0.0.1"))
        return found

    found = await resolver(await server(answer)).lookup("name.example.", "A")
    assert found == Found((Record("A", "127.0.0.1"),), ("TXT",))


async def test_an_answer_that_does_not_fit_is_asked_for_over_tcp_without_edns(server, resolver):
    records = [("SRV", f"0 0 {port} host{port}.example.") for port in range(1, 401)]
    one = await server(
        lambda query, tcp: server.reply(query, *records) if tcp else server.reply(query, *records[:3], truncated=True)
    )
    found = await resolver(one).lookup("_x._tcp.example.", "SRV")
    assert {record.port for record in found.records} == set(range(1, 401))
    assert [(tcp, query.edns) for query, tcp in one.asked] == [(False, 0), (True, -1)]


async def test_a_large_answer_is_read_beside_the_event_loop(server, resolver, monkeypatch):
    read, on_the_loop = Question.read, []

    def watched(self, wire):
        on_the_loop.append(threading.current_thread() is threading.main_thread())
        return read(self, wire)

    monkeypatch.setattr(Question, "read", watched)
    records = [("A", f"127.0.1.{number}") for number in range(200)]
    one = await server(lambda query, tcp: server.reply(query, *records[: 200 if tcp else 1], truncated=not tcp))
    assert len((await resolver(one).lookup("name.example.", "A")).records) == 200
    assert on_the_loop == [False]


async def test_a_truncated_answer_may_be_cut_within_a_record(server, resolver):
    def answer(query, tcp):
        whole = server.reply(query, ("A", "127.0.0.1"), truncated=not tcp)
        return whole if tcp else whole.to_wire()[:-3]

    assert (await resolver(await server(answer)).lookup("name.example.", "A")).records


async def test_a_name_that_does_not_exist_has_no_records(server, resolver):
    one = await server(lambda query, tcp: server.reply(query, code="NXDOMAIN"))
    assert await resolver(one).lookup("name.example.", "A") == Found()


BAD = {
    "SERVFAIL": lambda query, reply: reply(query, code="SERVFAIL"),
    "REFUSED": lambda query, reply: reply(query, code="REFUSED"),
    "gave no answer within 1s": lambda query, reply: None,
    "malformed": lambda query, reply: reply(query, ("A", "127.0.0.1")).to_wire()[:-3],
    "another question": lambda query, reply: reply(_renamed(query)),
}


def patience(why):
    """A silent server is waited for; the others on a slow machine too."""
    return "options timeout:1" if "no answer" in why else "options timeout:30"


def _renamed(query):
    other = dns.message.make_query("forged.example.", "A")
    other.id = query.id
    return other


@pytest.mark.parametrize("why", BAD)
async def test_anything_else_is_no_answer(server, resolver, why):
    one = await server(lambda query, tcp: BAD[why](query, server.reply))
    with pytest.raises(DiscoveryError, match=why) as error:
        await resolver(one, conf=patience(why)).lookup("name.example.", "A")
    assert one.address in str(error.value)


@pytest.mark.parametrize("why", BAD)
async def test_the_next_server_is_asked_then(server, resolver, why):
    bad = await server(lambda query, tcp: BAD[why](query, server.reply))
    good = await server(lambda query, tcp: server.reply(query, ("A", "127.0.0.1")))
    assert (await resolver(bad, good, conf=patience(why)).lookup("name.example.", "A")).records == (
        Record("A", "127.0.0.1"),
    )


async def test_a_server_that_is_not_there_is_passed_over(server, resolver):
    gone = await server()
    await gone.stop()
    good = await server(lambda query, tcp: server.reply(query, ("A", "127.0.0.1")))
    assert (await resolver(gone, good).lookup("name.example.", "A")).records


async def test_a_server_whose_tcp_fails_is_passed_over(server, resolver):
    narrow = await server(lambda query, tcp: None if tcp else server.reply(query, truncated=True))
    good = await server(lambda query, tcp: server.reply(query, ("A", "127.0.0.1")))
    assert (await resolver(narrow, good).lookup("name.example.", "A")).records


async def test_the_second_server_is_not_asked_after_an_answer(server, resolver):
    first = await server(lambda query, tcp: server.reply(query, code="NXDOMAIN"))
    second = await server(lambda query, tcp: server.reply(query, ("A", "127.0.0.1")))
    assert await resolver(first, second).lookup("name.example.", "A") == Found()
    assert second.asked == []


# --- the search list -------------------------------------------------------------------------------------------------


def by_name(server, answers):
    """Answers by full name: records, or a code; NXDOMAIN for others."""

    def answer(query, tcp):
        found = answers.get(query.question[0].name.to_text(), "NXDOMAIN")
        return server.reply(query, code=found) if isinstance(found, str) else server.reply(query, *found)

    return answer


SEARCH = "search a.example b.example\noptions timeout:30"


async def test_domains_are_searched_until_one_answers(server, resolver):
    one = await server(by_name(server, {"host.b.example.": [("A", "127.0.0.2")], "host.": [("A", "127.0.0.3")]}))
    assert (await resolver(one, conf=SEARCH).lookup("host", "A")).records == (Record("A", "127.0.0.2"),)
    assert one.names == ["host.a.example.", "host.b.example."]


async def test_an_empty_answer_ends_the_search(server, resolver):
    one = await server(by_name(server, {"host.a.example.": [], "host.b.example.": [("A", "127.0.0.2")]}))
    assert await resolver(one, conf=SEARCH).lookup("host", "A") == Found()


async def test_a_name_that_is_nowhere_has_no_records(server, resolver):
    one = await server(by_name(server, {}))
    assert await resolver(one, conf=SEARCH).lookup("host", "A") == Found()
    assert one.names == ["host.a.example.", "host.b.example.", "host."]


async def test_one_domain_without_an_answer_leaves_open_what_there_is(server, resolver):
    one = await server(by_name(server, {"host.a.example.": "SERVFAIL"}))
    with pytest.raises(DiscoveryError, match=r"host\.a\.example\.: .* SERVFAIL"):
        await resolver(one, conf=SEARCH).lookup("host", "A")


async def test_a_later_domain_with_records_makes_up_for_it(server, resolver):
    one = await server(by_name(server, {"host.a.example.": "SERVFAIL", "host.b.example.": [("A", "127.0.0.2")]}))
    assert (await resolver(one, conf=SEARCH).lookup("host", "A")).records


async def test_the_file_is_read_for_each_lookup(server, resolver, tmp_path):
    one = await server(by_name(server, {}))
    asking = resolver(one, conf="search a.example\noptions timeout:30")
    await asking.lookup("host", "A")
    (tmp_path / "resolv.conf").write_text("search c.example\noptions timeout:30")
    await asking.lookup("host", "A")
    assert one.names == ["host.a.example.", "host.", "host.c.example.", "host."]


async def test_without_servers_nothing_is_known(tmp_path):
    with pytest.raises(DiscoveryError, match="cannot read"):
        await Resolver((), str(tmp_path / "absent")).lookup("host", "A")
    (tmp_path / "resolv.conf").write_text("search example")
    with pytest.raises(DiscoveryError, match="names no name server"):
        await Resolver((), str(tmp_path / "resolv.conf")).lookup("host", "A")


@pytest.mark.parametrize("name", ["a..b", "x" * 64, "x." * 130])
async def test_what_can_be_no_name_is_an_error(server, resolver, name):
    one = await server()
    with pytest.raises(DiscoveryError, match="is no DNS name"):
        await resolver(one).lookup(name, "A")
    assert one.asked == []
