"""`lip`, the operators' command line: the doors the pages use, from a terminal. It decides nothing by itself."""
