"""Words of the two languages, which no plugin's function may take: the plugin would change what others have written.

The plugin layer lies below the languages and cannot ask them, so the words stand here; a test compares them.
"""

from __future__ import annotations

__all__ = ["PROMQL_WORDS", "TEMPLATE_WORDS"]

_PROMQL = """
abs absent absent_over_time acos acosh anchored and asin asinh atan atan2 atanh avg avg_over_time bool bottomk
by ceil changes clamp clamp_max clamp_min cos cosh count count_over_time count_values day_of_month day_of_week
day_of_year days_in_month deg delta deriv double_exponential_smoothing end exp fill fill_left fill_right
first_over_time floor group group_left group_right histogram_avg histogram_count histogram_fraction
histogram_quantile histogram_quantiles histogram_stddev histogram_stdvar histogram_sum hour idelta ignoring
increase inf info irate label_join label_replace last_over_time limit_ratio limitk ln log10 log2 mad_over_time
max max_of max_over_time min min_of min_over_time minute month nan offset on or pi predict_linear
present_over_time quantile quantile_over_time rad range rate resets round scalar sgn sin sinh smoothed sort
sort_by_label sort_by_label_desc sort_desc sqrt start start_timestamp stddev stddev_over_time stdvar
stdvar_over_time step sum sum_over_time tan tanh time timestamp topk ts_of_first_over_time ts_of_last_over_time
ts_of_max_over_time ts_of_min_over_time unless vector without year
"""

PROMQL_WORDS = frozenset(_PROMQL.split())
"""Functions, aggregations and keywords of PromQL."""

_TEMPLATES = """
and args call eq externalURL first ge graphLink gt html humanize humanize1024 humanizeDuration
humanizePercentage humanizeTimestamp index js label le len lt match ne not now or parseDuration pathPrefix print
printf println query reReplaceAll safeHtml slice sortByLabel stripDomain stripPort strvalue tableLink title tmpl
toDuration toLower toTime toUpper urlquery urlQueryEscape value
block break continue define else end false if nil range template true with
"""

TEMPLATE_WORDS = frozenset(_TEMPLATES.split())
"""Functions of alert templates, Go's and Prometheus's, and Go's keywords."""
