"""PromQL's ``ewma_over_time`` and ``zscore``, and the template function ``runbook``."""

import numpy as np

from narthex import hookimpl
from narthex.kinds import PromqlFunction, TemplateFunction


def ewma(window, weight):
    """The exponentially weighted mean of each window; ``weight`` (0 … 1) is that of the newest sample."""
    result, keep = np.zeros(window.shape), 1 - weight
    for cells in window.cells():  # a batch of windows: samples [W, m], the oldest first, padded at the end
        step = cells.where // window.shape[1]
        age = cells.counts - 1 - np.arange(len(cells.values))[:, None]
        weights = np.where(cells.valid, keep[step, 0] ** np.maximum(age, 0), 0.0)
        values = np.where(cells.valid, cells.values, 0.0)
        result.reshape(-1)[cells.where] = (weights * values).sum(axis=0) / weights.sum(axis=0)
    return result, window.at_least(1)


def zscore(call):
    """How many standard deviations each series is from the mean of all, step by step."""
    vector = call.numbers(0)  # an instant vector without native histograms
    there = vector.mask()
    count = there.sum(axis=1, keepdims=True)
    distance = vector.values - np.where(there, vector.values, 0.0).sum(axis=1, keepdims=True) / count
    deviation = np.sqrt(np.where(there, distance**2, 0.0).sum(axis=1, keepdims=True) / count)
    return vector.with_values(distance / deviation).without_name(delayed=call.delayed)


def runbook(name):
    return f"https://runbooks.example.org/{name.lower()}"


@hookimpl
def narthex_promql_functions():
    return [
        PromqlFunction("ewma_over_time", ("matrix", "scalar"), ewma, over="windows", summary="Weighted mean"),
        PromqlFunction("zscore", ("vector",), zscore, over="call", summary="Distance from the mean of all series"),
    ]


@hookimpl
def narthex_template_functions():
    return [TemplateFunction("runbook", runbook, ("string",), summary="Address of an alert's runbook")]
