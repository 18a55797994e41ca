"""REST, WebSocket, dashboard."""
