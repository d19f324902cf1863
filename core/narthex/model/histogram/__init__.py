"""Native histograms: the value, its arithmetic, and its texts. Each module tells one idea; the names are these."""

from narthex.model.histogram.apijson import histogram_json
from narthex.model.histogram.arithmetic import (
    Combined,
    IncompatibleHistogramsError,
    add,
    divide,
    joined_hint,
    matched,
    negate,
    scale,
    subtract,
)
from narthex.model.histogram.bounds import BucketTable, bucket_table, upper_bound, upper_bounds
from narthex.model.histogram.classic import from_classic
from narthex.model.histogram.faults import fault_of
from narthex.model.histogram.groupsums import group_hints, group_sums, joined_hints
from narthex.model.histogram.moments import average, standard_deviation, variance, variances
from narthex.model.histogram.notation import NotationError, format_histogram, parse_histogram
from narthex.model.histogram.quantile import (
    NanEffect,
    Quantile,
    fraction,
    fractions,
    has_nan_observations,
    nan_observations,
    quantile,
    quantiles,
)
from narthex.model.histogram.resets import was_reset, was_reset_unhinted, with_stored_hint
from narthex.model.histogram.rows import (
    COUNT,
    SUM,
    ZERO,
    Family,
    Rows,
    family_of,
    rows_of,
    rows_of_family,
    totals_of,
    union,
)
from narthex.model.histogram.same import close_to, same
from narthex.model.histogram.schema import reduce_to, widen_zero
from narthex.model.histogram.size import BARE_SIZE, sample_sizes
from narthex.model.histogram.text import histogram_text
from narthex.model.histogram.total import exact_sum, total
from narthex.model.histogram.trim import trim_lower, trim_upper
from narthex.model.histogram.value import (
    CUSTOM_SCHEMA,
    MAX_SCHEMA,
    MIN_SCHEMA,
    NO_BUCKETS,
    STALE_HISTOGRAM,
    Buckets,
    Hint,
    Histogram,
)

__all__ = [
    "BARE_SIZE",
    "COUNT",
    "CUSTOM_SCHEMA",
    "MAX_SCHEMA",
    "MIN_SCHEMA",
    "NO_BUCKETS",
    "STALE_HISTOGRAM",
    "SUM",
    "ZERO",
    "BucketTable",
    "Buckets",
    "Combined",
    "Family",
    "Hint",
    "Histogram",
    "IncompatibleHistogramsError",
    "NanEffect",
    "NotationError",
    "Quantile",
    "Rows",
    "add",
    "average",
    "bucket_table",
    "close_to",
    "divide",
    "exact_sum",
    "family_of",
    "fault_of",
    "format_histogram",
    "fraction",
    "fractions",
    "from_classic",
    "group_hints",
    "group_sums",
    "has_nan_observations",
    "histogram_json",
    "histogram_text",
    "joined_hint",
    "joined_hints",
    "matched",
    "nan_observations",
    "negate",
    "parse_histogram",
    "quantile",
    "quantiles",
    "reduce_to",
    "rows_of",
    "rows_of_family",
    "same",
    "sample_sizes",
    "scale",
    "standard_deviation",
    "subtract",
    "total",
    "totals_of",
    "trim_lower",
    "trim_upper",
    "union",
    "upper_bound",
    "upper_bounds",
    "variance",
    "variances",
    "was_reset",
    "was_reset_unhinted",
    "widen_zero",
    "with_stored_hint",
]
