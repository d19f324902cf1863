"""The ``webhook`` receiver: alerts as JSON to any HTTP address, in the shape of Alertmanager's webhook messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from narthex import hookimpl
from narthex.config.types import Duration, Secret
from narthex.errors import NotifyError
from narthex.kinds import BuildContext, Notification, Receiver, ReceiverKind

if TYPE_CHECKING:
    from aiohttp import ClientSession

__all__ = ["WebhookConfig", "WebhookReceiver", "message", "narthex_receiver_kinds"]


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """Where to post. The URL counts as a secret: it often holds a token."""

    url: Secret
    send_resolved: bool = True
    max_alerts: int = 0
    timeout: Duration = Duration(10_000)

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

    def __init__(self, config: WebhookConfig, context: BuildContext, session: ClientSession) -> None:
        self._config = config
        self._clock = context.clock
        self._session = session

    async def send(self, notification: Notification, deadline: float) -> None:
        """Post the alerts; raises ``NotifyError`` without the URL in its text."""
        import aiohttp

        now = self._clock.now()
        alerts = notification.alerts
        if not self._config.send_resolved:
            alerts = [alert for alert in alerts if not alert.is_resolved(now)]
        if not alerts:
            return
        body = orjson.dumps(
            message(
                Notification(notification.receiver, alerts, notification.external_url), now, self._config.max_alerts
            )
        )
        left = min(self._config.timeout.seconds, deadline - self._clock.monotonic())
        try:
            async with self._session.post(
                self._config.url.reveal(),
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=max(0.001, left)),
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotifyError(f"webhook: {type(error).__name__}") from error
        if status // 100 != 2:
            raise NotifyError(f"webhook: bad response status {status}")

    async def close(self) -> None:
        """Nothing is owned: the session is the server's."""


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


def _build(config: WebhookConfig, context: BuildContext, session: ClientSession) -> Receiver:
    return WebhookReceiver(config, context, session)
