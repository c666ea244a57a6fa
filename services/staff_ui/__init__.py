"""Staff UI: the pages where staff maintain locations and operators watch over the move off NOMIS."""
