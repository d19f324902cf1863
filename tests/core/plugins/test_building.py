"""Whatever a builder does wrong is told with the name of its plugin."""

from types import SimpleNamespace

import pytest

from narthex.errors import NotifyError, PluginError
from narthex.kinds import ReceiverKind
from narthex.plugins.building import built
from narthex.plugins.catalog import Contribution, Origin

ORIGIN = Origin("acme_mail", "acme-narthex", "1.2")


def building(build):
    kind = ReceiverKind("mail", dict, lambda config, context: build())
    return built(Contribution(kind, ORIGIN), {}, None, ("send", "close"))


def raising(error):
    def build():
        raise error

    return build


def test_what_has_the_methods_is_given_as_it_is():
    receiver = SimpleNamespace(send=print, close=print)
    assert building(lambda: receiver) is receiver


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (raising(KeyError("token")), " failed: KeyError: 'token'"),
        (raising(SystemExit("no token")), " failed: SystemExit: no token"),
        (raising(NotifyError("no token")), " failed: no token"),
        (dict, ": build returned dict, expected an object with send, close; it lacks send, close"),
        (
            lambda: SimpleNamespace(send=print, close=1),
            ": build returned SimpleNamespace, expected an object with send, close; it lacks close",
        ),
    ],
)
def test_what_goes_wrong_names_kind_plugin_and_distribution(build, text):
    with pytest.raises(PluginError) as caught:
        building(build)
    assert str(caught.value) == f"mail of acme_mail (acme-narthex 1.2){text}"


def test_an_interrupt_of_the_operator_is_not_the_plugins_failure():
    with pytest.raises(KeyboardInterrupt):
        building(raising(KeyboardInterrupt()))
