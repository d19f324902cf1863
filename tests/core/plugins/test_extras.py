from __future__ import annotations

from dataclasses import dataclass

import pytest

from narthex.errors import MissingExtraError
from narthex.kinds import DiscoveryKind
from narthex.plugins.catalog import Contribution, Origin
from narthex.plugins.extras import missing, require


@dataclass(frozen=True)
class Config:
    pass


def contribution(*requires, extra="", distribution="narthex"):
    kind = DiscoveryKind("ec2", Config, lambda config, context: None, requires=requires, extra=extra)
    return Contribution(kind, Origin("ec2", distribution, "1.0"))


def test_nothing_is_missing_when_everything_is_installed():
    assert missing(contribution("json", "pytest")) == ""
    require(contribution("json"))


def test_the_extra_of_the_own_distribution_is_named():
    assert missing(contribution("not_there", extra="ec2")) == "needs not_there (pip install 'narthex[ec2]')"
    foreign = contribution("not_there", extra="fast", distribution="acme-rooms")
    assert missing(foreign) == "needs not_there (pip install 'acme-rooms[fast]')"


def test_without_an_extra_the_packages_are_named():
    assert missing(contribution("json", "not_there", "nor_this")) == (
        "needs not_there, nor_this (pip install not_there nor_this)"
    )


@pytest.mark.parametrize("package", ["not_there.inner", "", ".relative"])
def test_odd_names_count_as_missing(package):
    assert missing(contribution(package))


def test_using_the_kind_is_an_error_with_the_install_command():
    with pytest.raises(MissingExtraError, match=r"ec2 of plugin ec2 \(narthex 1.0\) needs not_there \(pip install"):
        require(contribution("not_there"))
