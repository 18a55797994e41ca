"""REST, WebSocket, dashboard, sign-in.  Nothing is imported here, so that the command line stays light."""
