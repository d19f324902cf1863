import pytest
from hypothesis import given
from hypothesis import strategies as st

from narthex_sd.dns.resolvconf import Settings, candidates, endpoint, parse

FILE = """
# written by hand
; an older kind of comment
nameserver 127.0.0.1
nameserver ::1
nameserver fe80::1%eth0
nameserver not-an-address
domain old.example
search corp.example example. .
options ndots:2 timeout:3 rotate attempts:many
sortlist 130.155.160.0/255.255.240.0
"""


def test_a_file_is_read():
    servers = (("127.0.0.1", 53), ("::1", 53), ("fe80::1%eth0", 53))
    assert parse(FILE) == Settings(servers, ("corp.example", "example."), 2, 3.0)


def test_a_domain_is_a_search_list_of_one():
    assert parse("search a b\ndomain c").search == ("c",)


def test_numbers_are_kept_within_reason():
    settings = parse("options ndots:99 timeout:0")
    assert (settings.ndots, settings.timeout) == (15, 1.0)


@given(st.text())
def test_any_text_is_read(text):
    assert isinstance(parse(text), Settings)


@pytest.mark.parametrize(
    ("name", "ndots", "expected"),
    [
        ("host.", 1, ["host."]),
        ("a.b.", 1, ["a.b."]),
        ("host", 1, ["host.x.", "host.y.z.", "host."]),
        ("host.a", 1, ["host.a.", "host.a.x.", "host.a.y.z."]),
        ("host.a", 2, ["host.a.x.", "host.a.y.z.", "host.a."]),
        ("host", 0, ["host.", "host.x.", "host.y.z."]),
    ],
)
def test_the_search_list_is_used_as_ndots_says(name, ndots, expected):
    assert list(candidates(name, Settings(search=("x", "y.z."), ndots=ndots))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1", ("127.0.0.1", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("::1", ("::1", 53)),
        ("[::1]", ("::1", 53)),
        ("[::1]:5353", ("::1", 5353)),
    ],
)
def test_a_server_is_an_address_and_perhaps_a_port(text, expected):
    assert endpoint(text) == expected


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x", "[::1]:²"]
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        endpoint(text)
