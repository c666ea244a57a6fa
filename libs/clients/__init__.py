"""One adapter per remote API: the walk's ports over HTTP, and the doors other workers use."""
