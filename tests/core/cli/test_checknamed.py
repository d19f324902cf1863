"""``narthex check config``: what a configuration names beside itself."""

from __future__ import annotations

import pytest

from narthex_plugins.standard import shipped


@pytest.fixture
def check(narthex, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").write_text("x")
    (tmp_path / "good.json").write_text('[{"targets": ["a:1"]}]')
    (tmp_path / "bad.json").write_text('[{"target": ["a:1"]}]')
    (tmp_path / "wrong.yml").write_text("- targets: [a/b]\n")

    def run(*lines, options=()):
        (tmp_path / "p.yml").write_text("scrape_configs:\n- job_name: j\n" + "".join(f"  {line}\n" for line in lines))
        outcome = narthex("check", "config", "p.yml", *options, shipped=shipped())
        return outcome.status, outcome.err.replace("p.yml: ", "")

    return run


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "bearer_token_file: none",
            'error checking authorization credentials or bearer token file "none": no such file',
        ),
        ("tls_config: {cert_file: none, key_file: there}", 'error checking client cert file "none": no such file'),
        ("tls_config: {cert_file: there, key_file: none}", 'error checking client key file "none": no such file'),
        ("static_configs: [{targets: ['', 'a:1']}]", "instance 0 in group 0: no address"),
        ("file_sd_configs: [{files: [wrong.yml]}]", 'instance 0 in group wrong.yml:0: "a/b" is not a valid hostname'),
        (
            "file_sd_configs: [{files: [bad.json]}]",
            "checking SD file \"bad.json\": bad.json: [0].target: unknown key 'target'; did you mean 'targets'?",
        ),
    ],
)
def test_what_would_fail_later_fails_the_check(check, line, reason):
    assert check(line) == (1, f"  FAILED: {reason}\n")
    assert check(line, options=["--syntax-only"]) == (0, "")


def test_targets_are_judged_behind_their_relabeling(check):
    static = "static_configs: [{targets: ['http://a']}]"
    assert check(static, "relabel_configs: [{target_label: b, replacement: c}]")[0] == 1
    assert check(static, "relabel_configs: [{target_label: __address__, replacement: a}]") == (0, "")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("tls_config: {ca_file: none}", "scrape job 'j'"),
        ("basic_auth: {username: u, password_file: none}", "scrape job 'j'"),
        ("http_headers: {X-A: {files: [none]}}", "scrape job 'j'"),
        ("file_sd_configs: [{files: [none.yml]}]", None),
    ],
)
def test_other_files_that_are_not_there_are_a_warning(check, line, what):
    text = f'file "none" for {what} does not exist' if what else None
    expected = text or 'file "none.yml" for file_sd in scrape job "j" does not exist'
    assert check(line) == (0, f"  WARNING: {expected}\n")


def test_what_is_there_and_good_is_not_mentioned(check):
    assert check("authorization: {credentials_file: there}", "file_sd_configs: [{files: ['g*.json']}]") == (0, "")


@pytest.mark.parametrize(("address", "status"), [("http://a", 1), ("a", 0)])
def test_alertmanagers_are_judged_behind_their_relabeling(narthex, tmp_path, address, status):
    rule = f"{{target_label: __address__, replacement: '{address}'}}"
    file = tmp_path / "p.yml"
    file.write_text(
        f"alerting:\n  alertmanagers:\n  - static_configs: [{{targets: ['http://x']}}]\n    relabel_configs: [{rule}]\n"
    )
    outcome = narthex("check", "config", file, shipped=shipped())
    assert outcome.status == status
    assert ('"http://a" is not a valid hostname' in outcome.err) is bool(status)
