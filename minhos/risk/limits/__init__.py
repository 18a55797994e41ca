"""One small class a limit: a cap in contracts and a reason.  The way in is `standard.all_limits`, ours and the user's.

Not for remembering: what a limit looks at is in its context, what is latched in `risk.state`.
"""
