import pytest

from narthex_sd.dns.labels import Record, group_of


def addresses(*records, port=80):
    return [target["__address__"] for target in group_of("name", records, port).targets]


@pytest.mark.parametrize(
    ("record", "address"),
    [
        (Record("A", "127.0.0.1"), "127.0.0.1:80"),
        (Record("AAAA", "::1"), "[::1]:80"),
        (Record("SRV", "db.example.", 5432), "db.example:5432"),
        (Record("MX", "mail.example."), "mail.example:80"),
        (Record("NS", "ns.example."), "ns.example:80"),
    ],
)
def test_each_type_gives_an_address(record, address):
    assert addresses(record) == [address]


@pytest.mark.parametrize("kind", ["SRV", "MX"])
def test_the_root_as_target_means_that_there_is_no_such_service(kind):
    assert addresses(Record(kind, ".", 0), Record(kind, "a.", 1)) == [f"a:{1 if kind == 'SRV' else 80}"]
    assert group_of("name", [Record(kind, ".")], 0).is_retraction


def test_labels_say_where_a_target_comes_from():
    (target,) = group_of("_db._tcp.example", [Record("SRV", "db.example.", 5432)], 0).targets
    assert {name: value for name, value in target.items() if value} == {
        "__address__": "db.example:5432",
        "__meta_dns_name": "_db._tcp.example",
        "__meta_dns_srv_record_target": "db.example.",
        "__meta_dns_srv_record_port": "5432",
    }
    (target,) = group_of("example", [Record("NS", "ns.example.")], 53).targets
    assert target["__meta_dns_ns_record_target"] == "ns.example."
