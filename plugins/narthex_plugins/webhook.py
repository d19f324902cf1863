"""The ``webhook`` receiver: alerts as JSON to any HTTP address, in the shape of Alertmanager's webhook messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from narthex import hookimpl
from narthex.config.http import HttpConfig
from narthex.config.types import Duration, Secret
from narthex.errors import NarthexError, NotifyError
from narthex.kinds import BuildContext, Notification, Receiver, ReceiverKind

if TYPE_CHECKING:
    from narthex.http.client import HttpClient

__all__ = ["WebhookConfig", "WebhookReceiver", "message", "narthex_receiver_kinds"]


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """Where to post. The URL counts as a secret: it often holds a token.

    ``send_resolved`` false leaves out alerts that are over. ``max_alerts`` is the most in one message (0: all);
    it says how many it lacks. ``timeout`` is for one message.
    """

    url: Secret
    send_resolved: bool = True
    max_alerts: int = 0
    timeout: Duration = Duration(10_000)
    http_config: HttpConfig = field(default_factory=HttpConfig)

    def check(self) -> Iterator[tuple[str, str]]:
        """Rules across and within fields."""
        parts = urlsplit(self.url.reveal())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            yield "url", "expected an absolute http or https URL"
        if self.max_alerts < 0:
            yield "max_alerts", "expected 0 (no limit) or a positive number"


def message(notification: Notification, now: float, max_alerts: int) -> dict[str, Any]:
    """The body: Alertmanager's webhook message, version 4, without the fields that grouping brings."""
    from narthex.notify.payload import rfc3339

    kept = notification.alerts[:max_alerts] if max_alerts else notification.alerts
    resolved = all(alert.is_resolved(now) for alert in kept)
    return {
        "version": "4",
        "receiver": notification.receiver,
        "status": "resolved" if resolved else "firing",
        "externalURL": notification.external_url,
        "truncatedAlerts": len(notification.alerts) - len(kept),
        "alerts": [
            {
                "status": "resolved" if alert.is_resolved(now) else "firing",
                "labels": dict(alert.labels),
                "annotations": dict(alert.annotations),
                "startsAt": rfc3339(alert.starts_at),
                "endsAt": rfc3339(alert.ends_at) if alert.is_resolved(now) else "0001-01-01T00:00:00Z",
                "generatorURL": alert.generator_url,
                "fingerprint": f"{alert.labels.fnv():016x}",
            }
            for alert in kept
        ],
    }


class WebhookReceiver:
    """Posts each notification once; any 2xx answer is success."""

    def __init__(self, config: WebhookConfig, context: BuildContext) -> None:
        self._config = config
        self._clock = context.clock
        self._client: HttpClient | None = None  # made on first use, inside the event loop

    async def send(self, notification: Notification, deadline: float) -> None:
        """Post the alerts; raises ``NotifyError`` without the URL in its text."""
        from narthex.http.client import HttpClient

        now = self._clock.now()
        alerts = notification.alerts
        if not self._config.send_resolved:
            alerts = [alert for alert in alerts if not alert.is_resolved(now)]
        if not alerts:
            return
        kept = Notification(notification.receiver, alerts, notification.external_url)
        if self._client is None:
            self._client = HttpClient(self._config.http_config, self._clock)
        try:
            answer = await self._client.request(
                "POST",
                self._config.url.reveal(),
                seconds=max(0.001, min(self._config.timeout.seconds, deadline - self._clock.monotonic())),
                headers={"Content-Type": "application/json"},
                data=orjson.dumps(message(kept, now, self._config.max_alerts)),
            )
        except NarthexError as error:
            text = str(error).replace(self._config.url.reveal(), "<secret>")
            raise NotifyError(f"webhook: {text}") from None
        if answer.status // 100 != 2:
            raise NotifyError(f"webhook: bad response status {answer.status}")

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()


@hookimpl
def narthex_receiver_kinds() -> Iterable[ReceiverKind]:
    """The webhook kind."""
    return [
        ReceiverKind(
            name="webhook",
            config=WebhookConfig,
            build=_build,
            stability="stable",
            summary="Posts alerts as JSON to an HTTP address.",
        )
    ]


def _build(config: WebhookConfig, context: BuildContext) -> Receiver:
    return WebhookReceiver(config, context)
