"""The receiver ``ntfy``: alerts as push messages through a server of ntfy.sh's kind."""

from dataclasses import dataclass, field

from narthex import hookimpl
from narthex.config.http import HttpConfig
from narthex.config.types import Url, inline
from narthex.errors import NarthexError, NotifyError
from narthex.http.client import HttpClient
from narthex.kinds import ReceiverKind


@dataclass(frozen=True)
class NtfyConfig:
    """One block of ``ntfy_configs``; ``http`` brings the keys of credentials, TLS and proxies."""

    url: Url
    topic: str
    http: HttpConfig = field(default_factory=HttpConfig, metadata=inline())


class Ntfy:
    def __init__(self, config, context):
        self.config, self.clock, self.client = config, context.clock, None

    async def send(self, notification, deadline):
        now = self.clock.now()
        firing = [alert for alert in notification.alerts if not alert.is_resolved(now)]
        names = sorted({alert.labels["alertname"] for alert in notification.alerts})
        headers = {"Title": ", ".join(names), "Priority": "high" if firing else "default"}
        lines = [alert.annotations.get("summary", str(alert.labels)) for alert in firing]
        await self.post(headers, "\n".join(lines or ["resolved"]).encode(), deadline - self.clock.monotonic())

    async def post(self, headers, body, seconds):
        self.client = self.client or HttpClient(self.config.http, self.clock)
        url = f"{self.config.url}/{self.config.topic}"
        try:
            answer = await self.client.request("POST", url, seconds=max(seconds, 0.001), headers=headers, data=body)
        except NarthexError as error:
            raise NotifyError(f"ntfy: {error}") from None
        if answer.status // 100 != 2:
            raise NotifyError(f"ntfy: status {answer.status}")

    async def close(self):
        if self.client:
            await self.client.close()


@hookimpl
def narthex_receiver_kinds():
    return [ReceiverKind("ntfy", NtfyConfig, Ntfy, summary="Push messages through ntfy")]
