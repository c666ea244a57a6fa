-- What a run does is its type: LOCATIONS writes, LOCATIONS_REHEARSAL and LOCATIONS_VERIFICATION only read.
-- All kinds share one list of runs, so of all kinds together one is active at a time.
ALTER TABLE migration_history
    ADD CONSTRAINT migration_type_known
        CHECK (migration_type IN ('LOCATIONS', 'LOCATIONS_REHEARSAL', 'LOCATIONS_VERIFICATION')),
    ADD COLUMN paused boolean NOT NULL DEFAULT false,
    -- The run that a verification looks at; none looks at everything NOMIS has.
    ADD COLUMN of_migration_id varchar(40) REFERENCES migration_history ON DELETE SET NULL;

-- How often a page was taken, why it was given back last, and when it was done with how many: rate and time left.
ALTER TABLE migration_page
    ADD COLUMN attempts     integer NOT NULL DEFAULT 0,
    ADD COLUMN last_failure text,
    ADD COLUMN items        integer NOT NULL DEFAULT 0,
    ADD COLUMN done_at      timestamptz;
CREATE INDEX migration_page_done_at ON migration_page (migration_id, done_at) WHERE done;

-- The rows operators read and retry.
CREATE INDEX migration_item_failed ON migration_item (migration_id, nomis_id) WHERE state = 'failed';
