"""The relabel action ``subnet``: writes the network that an address lies in."""

from ipaddress import ip_network

from narthex import hookimpl
from narthex.kinds import RelabelAction


def check(rule, _legacy_names):
    if len(rule.source_labels) != 1:
        yield "source_labels", "the subnet action needs one source label"
    if not rule.target_label:
        yield "target_label", "the subnet action needs a target_label"
    if not (rule.replacement.isdecimal() and int(rule.replacement) <= 128):
        yield "replacement", "the subnet action needs a prefix length as its replacement, such as 24"


def compile_rule(rule):
    (source,), target, length = rule.source_labels, rule.target_label, rule.replacement

    def write_subnet(labels):
        try:
            labels[target] = str(ip_network(f"{labels.get(source, '')}/{length}", strict=False))
        except ValueError:  # no address, or one of IPv4 with a length for IPv6
            labels.pop(target, None)
        return labels

    return write_subnet


@hookimpl
def narthex_relabel_actions():
    summary = "Writes the network that an address lies in"
    return [RelabelAction("subnet", compile_rule, check, summary=summary)]
