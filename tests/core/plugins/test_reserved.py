from __future__ import annotations

import pytest

from narthex.plugins.reserved import reserved_by


@pytest.mark.parametrize(
    "path",
    [
        "/-/reload",
        "/-/anything",
        "/-",
        "/metrics",
        "/metrics/",
        "/federate",
        "/api",
        "/api/",
        "/api/v1",
        "/api/{v}/x",
        "/api/v1/query",
        "/api/v1/query/",
        "/api/v1/status/plugins",
        "/api/v1/label/job/values",
        "/api/v1/{name}",
        "/{rest:.*}",
    ],
)
def test_paths_of_the_core_are_taken(path):
    assert reserved_by(path)


@pytest.mark.parametrize("path", ["/", "/cmdb", "/cmdb/{id}", "/api/v1/cmdb", "/api/v1/cmdb/query", "/api/v2/alerts"])
def test_other_paths_are_free(path):
    assert reserved_by(path) == ""
