"""Write relabeling through the API of a running server, though nothing is written."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
from tests.e2e.servers import free_port

from narthex.options import ListenAddress
from narthex.server.server import Server

RULES = [{"source_labels": ["__name__"], "regex": "go_.*", "action": "drop"}, {"regex": "pod", "action": "labeldrop"}]


async def test_write_rules_are_traced_with_external_labels_and_refused_with_their_place(site: Any) -> None:
    site.write("global: {external_labels: {region: here}}\n")
    port = free_port()
    server = Server(site.server_options(web_listen_address=(ListenAddress("127.0.0.1", port),)), site.host())
    await server.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

            async def ask(path: str, rules: object, **labels: str) -> tuple[int, Any]:
                params = {"stage": "write", "rules": json.dumps(rules), "labels": json.dumps(labels)}
                async with session.get(f"/api/v1/{path}", params=params) as answer:
                    return answer.status, await answer.json()

            _, kept = await ask("relabel/explain", RULES, __name__="up", pod="a")
            assert kept["data"]["output"] == {"__name__": "up", "region": "here"}
            assert "nothing is written" in kept["data"]["note"]
            _, dropped = await ask("relabel/explain", RULES, __name__="go_threads")
            assert dropped["data"]["reason"] == "dropped by write_relabel_configs[0]"
            _, steps = await ask("targets/relabel_steps", RULES, __name__="up", pod="a")
            assert [step["keep"] for step in steps["data"]["steps"]] == [True, True]
            assert steps["data"]["steps"][1]["output"] == {"__name__": "up", "region": "here"}
            status, refused = await ask("relabel/explain", [{"action": "paint"}], a="b")
            assert (status, "unknown relabel action 'paint'" in refused["error"]) == (400, True)
            status, refused = await ask("relabel/explain", "", a="b")
            assert (status, "expected a list" in refused["error"]) == (400, True)
    finally:
        await server.stop()
