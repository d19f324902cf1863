from prometheus_client import CollectorRegistry

from narthex.scrape.tally import Tallies


def test_a_tally_tells_what_a_histogram_and_a_summary_tell():
    registry = CollectorRegistry()
    tallies = Tallies("h", "text", (0.1, 1), label="interval", summary="s")
    registry.register(tallies)
    for value in (0.05, 0.1, 0.5, 7):
        tallies.of("1s").observe(value)
    tallies.of("2s").observe(1)

    def sample(name, interval="1s", **labels):
        return registry.get_sample_value(name, {"interval": interval, **labels})

    assert [sample("h_bucket", le=bound) for bound in ("0.1", "1.0", "+Inf")] == [2, 3, 4]
    assert sample("h_count") == sample("s_count") == 4
    assert sample("h_sum") == sample("s_sum") == 7.65
    assert sample("h_bucket", "2s", le="1.0") == sample("s_count", "2s") == 1


def test_one_tally_needs_no_label():
    registry = CollectorRegistry()
    tallies = Tallies("h", "text", (1,))
    registry.register(tallies)
    tallies.of().observe(2)
    assert registry.get_sample_value("h_bucket", {"le": "+Inf"}) == registry.get_sample_value("h_count") == 1
