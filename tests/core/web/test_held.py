"""Held updates of discovery, through the API."""

from __future__ import annotations

from narthex.discovery.gate import HeldUpdate, RestoredGroups


async def test_held_updates_and_restored_groups_are_shown(view, client):
    view.held = [HeldUpdate("fleet", "http/0", "http", "the update lacks", 1.0, 301.0, 1000, 100, 900)]
    view.restored = [RestoredGroups("old", "file/1", "file", view.clock.now() - 60, 7)]
    data = (await (await client.get("/api/v1/discovery")).json())["data"]
    assert data["held"] == [
        {
            "job": "fleet",
            "provider": "http/0",
            "kind": "http",
            "reason": "the update lacks",
            "since": "1970-01-01T00:00:01Z",
            "until": "1970-01-01T00:05:01Z",
            "targetsBefore": 1000,
            "targetsOffered": 100,
            "targetsKept": 900,
        }
    ]
    (restored,) = data["restored"]
    assert (restored["job"], restored["targets"]) == ("old", 7)
    assert 60 <= restored["ageSeconds"] < 120


async def test_a_held_update_is_accepted_by_post(view, client):
    view.acceptable = {"fleet/a": 1}
    answer = await client.post("/api/v1/discovery/fleet%2Fa/accept")
    assert (await answer.json())["data"] == {"accepted": 1}
    assert (await client.get("/api/v1/discovery/fleet%2Fa/accept")).status == 405


async def test_an_unknown_job_has_nothing_to_accept(client):
    answer = await client.post("/api/v1/discovery/nobody/accept")
    assert answer.status == 404
    assert (await answer.json())["error"] == "unknown job 'nobody'"
