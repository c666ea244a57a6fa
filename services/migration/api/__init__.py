"""The doors: runs and their control, failures, progress, reports."""
