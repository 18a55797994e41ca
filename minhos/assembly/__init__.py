"""From settings to objects: the home, its small files, logs, and one table a port."""
