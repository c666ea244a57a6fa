"""Every door of every HTTP service, from outside: what holds for all is said once, here."""
