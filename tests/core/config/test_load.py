# ruff: noqa: E501, ISC004 -- messages are compared word for word
import pytest

from narthex.config.load import load_config, parse_config, rule_paths
from narthex.config.scrape import DiscoveryConfig
from narthex.config.sections import Config
from narthex.config.types import Duration
from narthex.errors import ConfigError


@pytest.fixture
def parse(catalog):
    return lambda text, **options: parse_config(text, "etc/p.yml", catalog, **{"env": {}, **options})


@pytest.fixture
def problems(parse):
    def found(text, **options):
        with pytest.raises(ConfigError) as caught:
            parse(text, **options)
        return [str(one).removeprefix("etc/p.yml:") for one in caught.value.problems]

    return found


def job(text, head=""):
    lines = "".join(f"  {line}\n" for line in text.strip().splitlines())
    return f"{head}scrape_configs:\n- job_name: a\n{lines}"


def test_an_empty_file_is_valid(parse):
    assert parse("") == Config()
    assert parse("global:\nscrape_configs:\nruntime:\n") == Config()


def test_jobs_are_effective(parse):
    head = "global: {scrape_interval: 5s, sample_limit: 9, scrape_timeout: 4s, extra_scrape_metrics: true}\n"
    (one,) = parse(job("sample_limit: 0\nbody_size_limit: 1KB", head)).scrape_configs
    assert (one.scrape_interval, one.scrape_timeout) == (Duration(5000), Duration(4000))
    assert (one.sample_limit, one.body_size_limit, one.extra_scrape_metrics) == (9, 1024, True)
    assert (one.metric_name_validation_scheme, one.metric_name_escaping_scheme) == ("utf8", "allow-utf-8")


def test_the_timeout_is_at_most_the_interval(parse):
    (one,) = parse(job("scrape_interval: 2s")).scrape_configs
    assert one.scrape_timeout == Duration(2000)
    assert parse("global: {scrape_interval: 5s}").global_.scrape_timeout == Duration(5000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (job("scrape_timeout: 2m"), "3:19: scrape_configs[0].scrape_timeout: scrape timeout 2m is longer than scrape interval 1m "
         "for scrape config with job name 'a'"),
        ("global: {scrape_timeout: 2m}", "1:26: global.scrape_timeout: scrape_timeout 2m is longer than scrape_interval 1m"),
        ("scrape_configs: [{job_name: ''}]", "1:29: scrape_configs[0].job_name: job_name must not be empty"),
        ("scrape_configs: [{job_name: a}, {job_name: a}]", "1:44: scrape_configs[1].job_name: found multiple scrape configs "
         'with job name "a", first in etc/p.yml:1'),
        (job("scheme: ftp"), "3:11: scrape_configs[0].scheme: expected one of http, https; got 'ftp'"),
        (job("static_configs: [{targets: [a/b]}]"), '3:30: scrape_configs[0].static_configs[0].targets: "a/b" is not a valid hostname; '
         "expected host:port (scheme and metrics_path are keys of their own)"),
        (job("cmdb_sd_configs: [{url: x}]"), "3:27: scrape_configs[0].cmdb_sd_configs[0].url: URL scheme must be 'http' or "
         "'https', got 'x'"),
        (job("dns_sd_configs: []"), "3:3: scrape_configs[0].dns_sd_configs: discovery kind 'dns' is not installed: Prometheus has it, "
         "but no plugin here provides it"),
        (job("cmbd_sd_configs: []"), "3:3: scrape_configs[0].cmbd_sd_configs: unknown key 'cmbd_sd_configs': no plugin here provides a "
         "discovery kind 'cmbd'; did you mean 'cmdb_sd_configs'?"),
        (job("static_sd_configs: []"), "3:3: scrape_configs[0].static_sd_configs: unknown key 'static_sd_configs'; "
         "did you mean 'static_configs'?"),
        (job("relabel_configs: [{action: Drpo}]"), "3:30: scrape_configs[0].relabel_configs[0].action: unknown relabel action 'drpo'; "
         "did you mean 'drop'?"),
        (job("metric_relabel_configs: [{regex: a}]"), "3:28: scrape_configs[0].metric_relabel_configs[0].target_label: "
         "replace needs a target_label"),
        (job("metric_name_validation_scheme: legacy\nrelabel_configs: [{target_label: a.b}]"),
         "4:36: scrape_configs[0].relabel_configs[0].target_label: 'a.b' is no legacy label name"),
        (job("metric_name_validation_scheme: legacy\nmetric_name_escaping_scheme: allow-utf-8"),
         "4:32: scrape_configs[0].metric_name_escaping_scheme: UTF-8 metric names are requested, but metric_name_validation_scheme "
         "is legacy for job name 'a'"),
        (job("scrape_protocols: []"), "3:21: scrape_configs[0].scrape_protocols: scrape_protocols must not be empty: leave it out "
         "for the default"),
        (job("scrape_protocols: [Other, Other]"), "3:21: scrape_configs[0].scrape_protocols: duplicated protocol in scrape_protocols: "
         "Other, Other"),
        (job("scrape_protocols: [PrometheusProto]"), "3:21: scrape_configs[0].scrape_protocols: not implemented yet: PrometheusProto; "
         "nothing else is listed"),
        (job("fallback_scrape_protocol: Othr"), "3:29: scrape_configs[0].fallback_scrape_protocol: unknown scrape protocol Othr, "
         "supported: Other, PrometheusText0.0.4; did you mean 'Other'?"),
        ("basic_auth: {}", "1:1: basic_auth: unknown key 'basic_auth'; it is a key of 'scrape_configs'"),
        (job("password: x"), "3:3: scrape_configs[0].password: unknown key 'password'; it is a key of 'basic_auth'"),
        (job("narthex: {holds: 1}"), "3:13: scrape_configs[0].narthex.holds: unknown key 'holds'"),
        ("remote_write: [{url: 'http://x'}]", "1:1: remote_write: not implemented yet: remote write"),
        ("storage: {tsdb: {retention: {percentage: 101}}}", "1:42: storage.tsdb.retention.percentage: must be in the range [0, 100]"),
        ("alerting: {alertmanagers: [{sigv4: {region: x}}]}", "1:29: alerting.alertmanagers[0].sigv4: not implemented yet: "
         "AWS request signing"),
        ("alerting: {alertmanagers: [{api_version: v1}]}", "1:42: alerting.alertmanagers[0].api_version: expected v2; got 'v1'"),
        ("alerting: {alertmanagers: [{static_configs: [{targets: ['http://x']}]}]}",
         '1:56: alerting.alertmanagers[0].static_configs[0].targets: "http://x" is not a valid hostname; '
         "expected host:port (scheme and metrics_path are keys of their own)"),
        ("rule_files: ['*/a.yml']", "1:13: rule_files: invalid file pattern 'etc/*/a.yml': '*' may stand in the last part of the "
         "path only"),
        ("narthex: {receivers: [{name: a}, {name: a}]}", "1:41: narthex.receivers[1].name: found several receivers with the name 'a'"),
        ("narthex: {receivers: [{name: a, mail_configs: []}]}", "1:33: narthex.receivers[0].mail_configs: unknown key 'mail_configs'; did you mean 'pager_configs'?"),
        ("narthex: {storage: {disk: {}, cloud: {}}}", "1:20: narthex.storage: only one storage kind can be used, here are disk, cloud"),
        ("narthex: {storage: {dsk: {}}}", "1:21: narthex.storage.dsk: unknown key 'dsk'; did you mean 'disk'?"),
        ("narthex: {plugins: {}}", "1:11: narthex.plugins: unknown key 'plugins'"),
        (job("relabel_configs: [{source_labels: [''], action: drop}]"), "3:38: scrape_configs[0].relabel_configs[0].source_labels[0]: '' is not a valid label name: expected UTF-8 text that is not empty"),
        (job("relabel_configs: [{action: , target_label: b}]"), "3:30: scrape_configs[0].relabel_configs[0].action: unknown relabel action ''"),
    ],
)  # fmt: skip
def test_problems(problems, text, message):
    assert problems(text) == [message]


def test_relabeled_static_targets_are_judged_later(parse):
    parse(job("static_configs: [{targets: [a/b]}]\nrelabel_configs: [{action: drop}]"))


def test_protocols_without_a_reader_are_a_warning_while_another_is_listed(parse):
    config = parse(job("scrape_protocols: [PrometheusProto, Other]"))
    assert config.warnings == ("a: scrape_protocols: not implemented yet, and not asked for: PrometheusProto",)


def test_refused_keys_are_accepted_with_nothing_under_them(parse):
    parse("remote_write: []\notlp:\nstorage: {tsdb: {chunk_encoding: {floats: xor}, retention: {time: 30d}}}")
    parse(job("scrape_native_histograms: false\nnarthex: {}"))


def test_discovery_blocks_keep_their_order_and_static_ones_come_together(parse, catalog):
    text = job(
        "cmdb_sd_configs: [{url: 'http://a', files: [f]}, {url: 'http://b'}]\nstatic_configs: [{targets: [x]}, {targets: [y]}]"
    )
    (one,) = parse(text).scrape_configs
    assert [block.kind for block in one.discovery] == ["cmdb", "cmdb", "static"]
    assert one.discovery[0].config.files == ("etc/f",)
    assert [group.targets for group in one.discovery[2].config] == [("x",), ("y",)]
    assert one.discovery == parse(text).scrape_configs[0].discovery
    assert one.discovery[2] == DiscoveryConfig("static", one.discovery[2].config)


def test_receivers_and_storage_of_the_narthex_section(parse):
    narthex = parse(
        "narthex: {receivers: [{name: a, pager_configs: [{url: 'http://p'}]}], storage: {disk: {slots: 2}}}"
    ).narthex
    assert [(one.name, one.configs[0].kind, one.configs[0].config.url) for one in narthex.receivers] == [
        ("a", "pager", "http://p")
    ]
    assert (narthex.storage.kind, narthex.storage.config.slots) == ("disk", 2)
    assert (parse("").narthex.storage.kind, parse("").narthex.storage.config) == ("tsdb", None)


def test_agents_have_no_rules_and_no_alerting(problems, parse):
    assert problems("alerting: {}\nrule_files: [a]", agent=True) == [
        "1:11: alerting: field alerting is not allowed in agent mode",
        "2:13: rule_files: field rule_files is not allowed in agent mode",
    ]
    parse("alerting:\nrule_files:\n", agent=True)


def test_external_labels_are_expanded_and_the_rest_is_not(parse):
    config = parse("global: {external_labels: {dc: $DC, x: $NO}}\n" + job("metrics_path: /$DC"), env={"DC": "fra"})
    assert config.global_.external_labels == {"dc": "fra", "x": ""}
    assert config.scrape_configs[0].metrics_path == "/$DC"
    assert config.warnings == ("external label 'x': environment variable 'NO' is not set; empty text is used",)


def test_further_documents_are_a_warning(parse):
    assert parse("global: {}\n---\nfoo: bar\n").warnings == (
        "etc/p.yml: holds several YAML documents; only the first is used",
    )


def test_warnings_take_no_part_in_comparisons(parse):
    assert parse("---\n---\n") == parse("")


def test_included_files_bring_jobs_and_have_their_own_directory(tmp_path, catalog):
    (tmp_path / "more").mkdir()
    (tmp_path / "p.yml").write_text(
        "global: {scrape_interval: 7s}\nscrape_config_files: ['more/*.yml']\nrule_files: [r/*]\n"
    )
    (tmp_path / "more/b.yml").write_text(job("basic_auth: {password_file: pw}").replace(": a\n", ": b\n"))
    (tmp_path / "more/.a.yml").write_text(job("{}").replace("\n  {}", ""))
    (tmp_path / "r").mkdir()
    (tmp_path / "r/x.yml").touch()
    config = load_config(tmp_path / "p.yml", catalog)
    assert [one.job_name for one in config.scrape_configs] == ["a", "b"]
    assert config.scrape_configs[1].http.basic_auth.password_file == str(tmp_path / "more/pw")
    assert config.scrape_configs[1].scrape_interval == Duration(7000)
    assert rule_paths(config) == (tmp_path / "r/x.yml",)


def test_problems_of_all_files_come_together(tmp_path, catalog):
    (tmp_path / "p.yml").write_text("scrape_config_files: [a.yml, b.yml, c.yml]\nfoo: 1\n" + job("scheme: x"))
    (tmp_path / "a.yml").write_text(job("scrape_interval: 5"))
    (tmp_path / "b.yml").write_text("a: [")
    (tmp_path / "c.yml").write_text("global: {}\n" + job("honor_labels: maybe"))
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "p.yml", catalog)
    found = [str(one).removeprefix(f"{tmp_path}/").split(": ")[0] for one in caught.value.problems]
    assert sorted(set(found)) == [
        "a.yml:2:13",
        "a.yml:3:20",
        "b.yml:2:1",
        "c.yml:1:1",
        "c.yml:3:13",
        "c.yml:4:17",
        "p.yml:2:1",
        "p.yml:5:11",
    ]


def test_no_number_of_problems_ends_the_load_early(problems):
    found = problems("scrape_configs: [" + "{job_name: a}," * 2000 + "]")
    assert found[-1].endswith("more than 500 problems; the rest is not listed")


@pytest.mark.parametrize("text", ["authorization: Bearer geheim", "basic_auth: u:geheim", "proxy_url: u:geheim@h"])
def test_a_secret_in_the_wrong_place_is_not_shown(problems, text):
    assert "geheim" not in problems(job(text))[0]


def test_a_file_that_is_not_there(tmp_path, catalog):
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "no.yml", catalog)
    assert str(caught.value) == f"{tmp_path}/no.yml: cannot be read: No such file or directory"
