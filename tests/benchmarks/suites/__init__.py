"""One module for each benchmark; each has a `BENCHMARK`, and its file's name is what `make bench ONLY=…` takes."""
