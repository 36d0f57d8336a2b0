"""The contracts of plug-ins (tasks, methods, searchers, executors, formats, data sets), and the errors."""
