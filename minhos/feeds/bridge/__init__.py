"""Sierra Chart's files on another machine: served over DTC, copied, followed.  Entry point: `feed.BridgeFeed`.

`backend` is the server's side, `mirror` the copy that grows here.  Never for orders.
"""
