-- One lister at a time: a second wake-up would read the same pages of NOMIS for nothing.
ALTER TABLE migration_history ADD listing_until timestamptz NOT NULL DEFAULT '-infinity';
