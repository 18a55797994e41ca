"""The WebSocket `/api/ws`: numbered messages, acknowledged subscriptions, resumption, a heartbeat.

A message is {"seq", "type", "data"}.  `?after=SEQ` sends what came since; where that is no longer kept, the
connection is closed with the reason and the page loads anew.  Every client has its own place in the one list of
messages, so a slow one holds up nobody: it is dropped when a message takes too long.
"""

from __future__ import annotations

import asyncio
import json

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from minhos.assembly.live_views import POLL_S, LiveViews
from minhos.views.health import service_health
from minhos.views.status import status
from minhos.views.updates import TYPES, Update

HEARTBEAT_S = 5.0
SEND_TIMEOUT_S = 10.0
MOST_CLIENTS = 100
TRY_AGAIN = 1013
LONGEST_REQUEST = 4_096


class Client:
    """One connection: which number it has, and what it wants to hear."""

    def __init__(self, socket: WebSocket, live: LiveViews, after: int | None) -> None:
        self.socket = socket
        self.live = live
        self.after = after
        self.topics: frozenset[str] = frozenset(TYPES)
        self.state = ""
        self.next_heartbeat = 0.0

    async def serve(self) -> None:
        """Until the client goes, is too slow, or asks for what is no longer there."""
        updates, oldest = await run_in_threadpool(self.live.updates_after, self.after or 0)
        last = updates[-1].seq if updates else self.after or 0
        if self.after is not None and self.after < oldest:
            await self._drop(
                f"Messages after {self.after} are no longer kept; load /api/kelly/dashboard-data, "
                f"then connect with after={last}."
            )
            return
        if self.after is None:
            self.after = last
        await self._send({"type": "hello", "seq": self.after, "topics": sorted(self.topics)})
        listening = asyncio.create_task(self._listen())
        try:
            while not listening.done():
                await self._push()
                await asyncio.wait({listening}, timeout=POLL_S)
        except TimeoutError:
            await self._drop("This connection is too slow for the messages; connect again with after=SEQ.")
        except WebSocketDisconnect:
            pass
        finally:
            listening.cancel()

    async def _push(self) -> None:
        """What is new; then, now and then, that all is well."""
        assert self.after is not None
        updates, oldest = await run_in_threadpool(self.live.updates_after, self.after)
        if self.after < oldest:
            await self._drop("This connection fell behind; load /api/kelly/dashboard-data and connect again.")
            raise WebSocketDisconnect(TRY_AGAIN)
        for update in updates:
            self.after = update.seq
            await self._tell(update)
        now = asyncio.get_running_loop().time()
        if now >= self.next_heartbeat:
            self.next_heartbeat = now + HEARTBEAT_S
            await self._heartbeat()

    async def _heartbeat(self) -> None:
        """Health, and the state where it changed; both repeat the newest number, as they are not in the journal."""
        assert self.after is not None
        now, health = await run_in_threadpool(
            self.live.read, lambda views, around: (status(views, around), service_health(views, around))
        )
        if now.state != self.state:
            self.state = now.state
            what: dict[str, object] = {"state": now.state, "reason": now.reason, "mode": now.mode}
            await self._tell(Update(self.after, "status", lambda: what))
        well = {"status": health.status, "state": health.state, "connected": now.connected}
        await self._tell(Update(self.after, "health", lambda: well))

    async def _tell(self, update: Update) -> None:
        if update.type in self.topics:
            await self._send(await run_in_threadpool(update.plain))

    async def _listen(self) -> None:
        """Requests of the client; each is answered."""
        try:
            while True:
                await self._send(self._answer(await self.socket.receive_text()))
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            return

    def _answer(self, text: str) -> dict[str, object]:
        try:
            request = json.loads(text) if len(text) <= LONGEST_REQUEST else None
        except (ValueError, RecursionError):
            request = None
        if not isinstance(request, dict) or request.get("type") not in ("subscribe", "ping"):
            return {"type": "error", "reason": 'Send {"type": "subscribe", "topics": [...]} or {"type": "ping"}.'}
        if request["type"] == "ping":
            return {"type": "pong", "seq": self.after}
        topics = request.get("topics")
        if not isinstance(topics, list) or not all(isinstance(topic, str) for topic in topics):
            return {"type": "error", "reason": f"topics must be a list of names; known are {', '.join(TYPES)}."}
        unknown = [topic for topic in topics if topic not in TYPES]
        if unknown:
            return {"type": "error", "reason": f"Unknown topic {unknown[0]!r}; known are {', '.join(TYPES)}."}
        self.topics = frozenset(topics)
        return {"type": "subscribed", "topics": sorted(self.topics), "seq": self.after}

    async def _send(self, message: dict[str, object]) -> None:
        await asyncio.wait_for(self.socket.send_text(json.dumps(message)), SEND_TIMEOUT_S)

    async def _drop(self, reason: str) -> None:
        try:
            await self._send({"type": "error", "reason": reason})
            await asyncio.wait_for(self.socket.close(TRY_AGAIN, reason[:120]), SEND_TIMEOUT_S)
        except (TimeoutError, RuntimeError, WebSocketDisconnect):
            return


class Sockets:
    """All connections; their number is bounded."""

    def __init__(self, live: LiveViews) -> None:
        self.live = live
        self.clients: set[Client] = set()

    async def connect(self, socket: WebSocket, after: int | None) -> None:
        await socket.accept()
        client = Client(socket, self.live, after)
        if len(self.clients) >= MOST_CLIENTS:
            await client._drop(f"{MOST_CLIENTS} connections are open already; close one first.")
            return
        self.clients.add(client)
        try:
            await client.serve()
        finally:
            self.clients.discard(client)
