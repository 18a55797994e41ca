"""Pure folds of events: the only source for web, command line, alerts and reports."""
