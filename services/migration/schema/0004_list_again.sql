-- NOMIS lists by page number: a row deleted meanwhile moves another out of the page that comes next. When the total has
-- changed by the end of a pass, all is listed once more; what is listed already stays.
ALTER TABLE migration_history
    ADD COLUMN listed_total bigint,
    ADD COLUMN listed_again integer NOT NULL DEFAULT 0;
