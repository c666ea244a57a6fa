-- Which claim of the listing is the latest: one that ran out and was taken over can end nothing any more.
ALTER TABLE migration_history ADD listing_attempts integer NOT NULL DEFAULT 0;
