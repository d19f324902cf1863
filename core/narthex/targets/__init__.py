"""THE pure function: the groups that discovery published and a job's configuration give the targets to scrape.

It does no I/O and reads no clock, so the server, ``plan``, ``check service-discovery``, the test runner and the UI all
call this one function and cannot disagree. The order of the steps is Prometheus's (reference §3.5):

1. a target's own labels, then the labels of its group where absent, then the job's defaults where absent
   (``job``, interval, timeout, path, scheme, histogram switches, the first value of each parameter);
2. ``relabel_configs``; a target that a rule drops, or that ends without public labels, is *dropped*;
3. checks of address, interval, timeout, histogram switches and UTF-8; a target that fails is *failed*, not dropped;
4. ``__meta_*`` goes, ``instance`` becomes the address where it is empty, equal targets become one.
"""

from __future__ import annotations

from narthex.targets.function import targets
from narthex.targets.memo import TargetMemo
from narthex.targets.url import scrape_url
from narthex.targets.values import DroppedTarget, FailedTarget, TargetSet, TargetTrace

__all__ = ["DroppedTarget", "FailedTarget", "TargetMemo", "TargetSet", "TargetTrace", "scrape_url", "targets"]
