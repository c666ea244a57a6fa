"""One package, one process, one database each; services talk over HTTP and queues, never by import."""
