"""What others implement (tasks, methods, searchers, executors, formats, data sets), and the errors."""
