"""What is asked of AWS, by whom, and what becomes of its answers: botocore over a transport that has them in a list."""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass, field, replace

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, HTTPClientError, NoCredentialsError, ProfileNotFound

from narthex.config.types import Secret, Url
from narthex.errors import DiscoveryError
from narthex_sd.ec2 import Ec2Config, Ec2Filter
from narthex_sd.ec2.api import connect, is_refused

BASE = Ec2Config(region="eu-west-3", endpoint=Url("http://127.0.0.1:1"))


class Raw:
    def __init__(self, text):
        self.text = text

    def stream(self):
        yield self.text.encode()


def text(value):
    return value if isinstance(value, str) else value.decode()


@dataclass
class Aws:
    """Answers one request after the other; an exception is raised."""

    answers: list
    asked: list = field(default_factory=list)
    authorizations: list = field(default_factory=list)

    def send(self, request, **_):
        self.asked.append(dict(urllib.parse.parse_qsl(text(request.body))))
        self.authorizations.append(text(request.headers["Authorization"]))
        status, body = self.answers.pop(0)
        return AWSResponse(request.url, status, {}, Raw(body))


def page(*ids, token=""):
    items = "".join(
        f"<item><instancesSet><item><instanceId>{one}</instanceId></item></instancesSet></item>" for one in ids
    )
    more = f"<nextToken>{token}</nextToken>" if token else ""
    return 200, f"<DescribeInstancesResponse><reservationSet>{items}</reservationSet>{more}</DescribeInstancesResponse>"


def refusal(code, status=403):
    return status, f"<Response><Errors><Error><Code>{code}</Code><Message>no</Message></Error></Errors></Response>"


CREDENTIALS = (
    "<AccessKeyId>role-key</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
    "<Expiration>2099-01-01T00:00:00Z</Expiration>"
)
ROLE = (200, f"<R><AssumeRoleResult><Credentials>{CREDENTIALS}</Credentials></AssumeRoleResult></R>")


def found(api, *filters):
    return [one["Instances"][0]["InstanceId"] for one in api.reservations(filters)]


def test_pages_are_followed_and_filters_sent_with_each():
    aws = Aws([page("i-1", "i-2", token="more"), page("i-3")])
    api = connect(BASE, aws.send)
    assert found(api, Ec2Filter("tag:role", ("db", "cache"))) == ["i-1", "i-2", "i-3"]
    wanted = {"Filter.1.Name": "tag:role", "Filter.1.Value.1": "db", "Filter.1.Value.2": "cache"}
    assert all(asked.items() >= wanted.items() for asked in aws.asked)
    assert [asked.get("NextToken") for asked in aws.asked] == [None, "more"]


def test_a_page_that_fails_fails_the_whole():
    aws = Aws([page("i-1", token="more"), refusal("InvalidParameterValue", 400)])
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        found(connect(BASE, aws.send))


def test_an_answer_of_overload_is_asked_for_again(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    aws = Aws([(503, ""), refusal("RequestLimitExceeded", 503), page("i-1")])
    assert found(connect(BASE, aws.send)) == ["i-1"]


def test_zones_have_ids():
    zones = (
        "<item><zoneName>a</zoneName><zoneId>z1</zoneId></item><item><zoneName>b</zoneName></item>"
        "<item><zoneName>c</zoneName><zoneId>z3</zoneId></item>"
    )
    answer = f"<R><availabilityZoneInfo>{zones}</availabilityZoneInfo></R>"
    assert connect(BASE, Aws([(200, answer)]).send).zones() == {"a": "z1", "c": "z3"}


@pytest.fixture
def profile(tmp_path):
    """A profile ``team`` with keys and a region, where the environment says that profiles are."""
    text = "[profile team]\naws_access_key_id = profile-key\naws_secret_access_key = s\nregion = eu-south-1\n"
    (tmp_path / "aws-config").write_text(text)


@pytest.mark.parametrize(
    ("own", "key"),
    [
        ({}, "environment-key"),
        ({"access_key": "own", "secret_key": Secret("s")}, "own"),
        ({"access_key": "half"}, "environment-key"),
        ({"profile": "team"}, "profile-key"),
    ],
)
def test_credentials_come_from_the_block_its_profile_or_the_sdk(own, key, profile):
    aws = Aws([page("i-1")])
    assert found(connect(replace(BASE, **own), aws.send)) == ["i-1"]
    assert f"Credential={key}/" in aws.authorizations[0]
    assert "/eu-west-3/ec2/" in aws.authorizations[0]


def test_a_role_is_assumed_once_and_its_credentials_sign():
    aws = Aws([ROLE, page("i-1"), page("i-1")])
    config = replace(BASE, role_arn="arn:aws:iam::1:role/watch", external_id="ticket")
    api = connect(config, aws.send)
    assert found(api) == found(api) == ["i-1"]
    assert aws.asked[0].items() >= {"Action": "AssumeRole", "RoleArn": config.role_arn, "ExternalId": "ticket"}.items()
    assert "Credential=environment-key/" in aws.authorizations[0]
    assert all("Credential=role-key/" in one for one in aws.authorizations[1:])


@pytest.mark.parametrize(
    ("environment", "own", "region"),
    [
        ({"AWS_REGION": "r-1", "AWS_DEFAULT_REGION": "r-2"}, {"region": "r-0", "profile": "team"}, "r-0"),
        ({"AWS_REGION": "r-1", "AWS_DEFAULT_REGION": "r-2"}, {"profile": "team"}, "r-1"),
        ({"AWS_DEFAULT_REGION": "r-2"}, {"profile": "team"}, "r-2"),
        ({}, {"profile": "team"}, "eu-south-1"),
        ({}, {}, "r-here"),
    ],
)
def test_the_region_is_the_most_explicit_one(environment, own, region, profile, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    config = replace(BASE, **{"region": "", **own})
    assert connect(config, Aws([]).send, lambda session: "r-here").region == region


def test_no_region_anywhere_is_an_error_that_says_what_to_do():
    with pytest.raises(DiscoveryError, match="AWS_REGION"):
        connect(replace(BASE, region=""), Aws([]).send, lambda session: None)


def test_metadata_is_not_asked_where_the_environment_forbids_it():
    with pytest.raises(DiscoveryError, match="no region"):
        connect(replace(BASE, region=""), Aws([]).send)


def test_an_unknown_profile_is_an_error():
    with pytest.raises(ProfileNotFound):
        connect(replace(BASE, profile="nobody"), Aws([]).send)


def test_the_endpoint_is_the_regions_own_unless_configured():
    urls = []

    def send(request, **_):
        urls.append(request.url)
        return AWSResponse(request.url, 200, {}, Raw(page("i-1")[1]))

    for config in (BASE, replace(BASE, endpoint=None)):
        found(connect(config, send))
    assert urls == ["http://127.0.0.1:1/", "https://ec2.eu-west-3.amazonaws.com/"]


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (ClientError({"Error": {"Code": "AuthFailure"}}, "DescribeInstances"), True),
        (ClientError({"Error": {"Code": "UnauthorizedOperation"}}, "DescribeInstances"), True),
        (ClientError({"Error": {"Code": "RequestLimitExceeded"}}, "DescribeInstances"), False),
        (ClientError({}, "DescribeInstances"), False),
        (NoCredentialsError(), True),
        (HTTPClientError(error="gone"), False),
        (ValueError(), False),
    ],
)
def test_it_knows_a_refusal(error, refused):
    assert is_refused(error) is refused


def test_an_empty_region_is_an_answer():
    assert found(connect(BASE, Aws([page()]).send)) == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not XML",
        page("i-1")[1][:-20],
        "<html><body>Please log in</body></html>",
        "<DescribeInstancesResponse><requestId>1</requestId></DescribeInstancesResponse>",
    ],
)
def test_what_is_no_answer_of_ec2_is_an_error_and_not_an_empty_region(body):
    with pytest.raises(Exception, match=r"invalid XML|no list of instances"):
        found(connect(BASE, Aws([(200, body)] * 3).send))
