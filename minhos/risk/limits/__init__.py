"""One small class a limit: a cap in contracts and a reason."""
