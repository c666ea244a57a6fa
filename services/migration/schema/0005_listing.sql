-- A NOMIS that lists by key goes on behind the last id. One that lists by page number is listed until a pass finds nothing
-- that is not listed already: as many rows may come as go, and then its total tells nothing.
ALTER TABLE migration_history
    DROP COLUMN listed_total,
    ADD COLUMN listed_after bigint,
    ADD COLUMN listed_fresh bigint NOT NULL DEFAULT 0;
