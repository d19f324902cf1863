"""Receivers that take alerts straight from the rules: ``narthex: {receivers: …}``, with or without an Alertmanager.

Every integration of a receiver has a sender of its own, so a slow one delays nobody. Routing and grouping belong to the
notify engine; here each receiver gets every alert, batched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from narthex.kinds import Notification, Receiver
from narthex.model.alert import Alert
from narthex.notify.sender import Deliver, Sender

__all__ = ["RECEIVER_TIMEOUT", "ReceiverSet"]

RECEIVER_TIMEOUT = 10.0
"""Seconds for one delivery, as Alertmanagers have by default."""


class ReceiverSet:
    """Running receivers; ``built`` holds (receiver name, integration name, receiver)."""

    def __init__(
        self,
        built: Sequence[tuple[str, str, Receiver]],
        external_url: str,
        make_sender: Callable[[str, Deliver, float], Sender],
    ) -> None:
        self._receivers = [receiver for _, _, receiver in built]
        self._senders = [
            make_sender(f"receiver/{name}/{integration}", self._deliver(name, receiver, external_url), RECEIVER_TIMEOUT)
            for name, integration, receiver in built
        ]

    def start(self) -> None:
        """Begin sending."""
        for sender in self._senders:
            sender.start()

    def send(self, alerts: Sequence[Alert]) -> None:
        """Queue alerts for every receiver."""
        for sender in self._senders:
            sender.enqueue(alerts)

    async def stop(self, *, drain: bool, grace: float) -> None:
        """Stop the senders, then close the receivers."""
        await asyncio.gather(*(sender.stop(drain=drain, grace=grace) for sender in self._senders))
        await asyncio.gather(*(receiver.close() for receiver in self._receivers), return_exceptions=True)

    @staticmethod
    def _deliver(name: str, receiver: Receiver, external_url: str) -> Deliver:
        async def deliver(alerts: Sequence[Alert], deadline: float) -> None:
            await receiver.send(Notification(name, tuple(alerts), external_url), deadline)

        return deliver
