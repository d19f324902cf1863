"""From instances to labels, beyond the cases of the suite."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from narthex.discovery.checks import checked
from narthex_sd.ec2.labels import group

TEXT = st.text(max_size=8)
MAYBE = st.none() | TEXT
ADDRESS = st.fixed_dictionaries({}, optional={"Ipv6Address": TEXT, "IsPrimaryIpv6": st.booleans()})
INTERFACE = st.fixed_dictionaries(
    {},
    optional={
        "SubnetId": TEXT,
        "Ipv6Addresses": st.lists(ADDRESS, max_size=3),
        "Attachment": st.fixed_dictionaries({}, optional={"DeviceIndex": st.integers(0, 9)}),
    },
)
INSTANCE = st.fixed_dictionaries(
    {"InstanceId": TEXT},
    optional={
        "PrivateIpAddress": MAYBE,
        "PublicIpAddress": MAYBE,
        "PublicDnsName": MAYBE,
        "VpcId": MAYBE,
        "SubnetId": MAYBE,
        "NetworkInterfaces": st.lists(INTERFACE, max_size=4),
        "Tags": st.lists(st.fixed_dictionaries({}, optional={"Key": TEXT, "Value": TEXT}), max_size=4),
        "State": st.fixed_dictionaries({}, optional={"Name": TEXT}),
        "Placement": st.fixed_dictionaries({}, optional={"AvailabilityZone": TEXT}),
    },
)


@given(st.lists(INSTANCE, max_size=5))
def test_whatever_aws_leaves_out_the_group_is_well_formed(instances):
    made = group([{"OwnerId": "o", "Instances": instances}], "r", 80, {"z": "id"})
    checked([made])
    for target in made.targets:
        assert target["__meta_ec2_region"] == "r"
        assert all(name == "__address__" or name.startswith("__meta_ec2_") for name in target)
        for lists in ("subnet_id", "ipv6_addresses", "primary_ipv6_addresses"):
            value = target.get(f"__meta_ec2_{lists}", ",,")
            assert value.startswith(",")
            assert value.endswith(",")


def test_an_address_of_version_6_stands_in_brackets():
    interfaces = [{"SubnetId": "s", "Ipv6Addresses": [{"Ipv6Address": "::1"}]}]
    found = group([{"Instances": [{"VpcId": "v", "NetworkInterfaces": interfaces}]}], "r", 80, {})
    assert found.targets[0]["__address__"] == "[::1]:80"


def test_a_tags_name_is_made_a_label_name():
    tags = [{"Key": "aws:cloudformation/stack-name", "Value": "v"}]
    found = group([{"Instances": [{"PrivateIpAddress": "127.0.0.9", "Tags": tags}]}], "r", 80, {})
    assert found.targets[0]["__meta_ec2_tag_aws_cloudformation_stack_name"] == "v"
