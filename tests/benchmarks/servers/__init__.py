"""The same operations written otherwise, each a process that the API benchmark starts beside ours."""
