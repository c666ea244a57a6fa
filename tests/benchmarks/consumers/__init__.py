"""Each contestant of the consumer benchmark as a process of its own: takes all there is, prints one JSON line, ends."""
