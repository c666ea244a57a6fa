-- What DPS cannot hold as NOMIS has it: a code that folds, a profile or a label without a word.
CREATE TABLE migration_note (
    migration_id varchar(40) NOT NULL REFERENCES migration_history ON DELETE CASCADE,
    nomis_id     bigint      NOT NULL,
    prison_id    varchar(6)  NOT NULL,
    subject      varchar(20) NOT NULL,
    what         text        NOT NULL,
    PRIMARY KEY (migration_id, nomis_id, subject, what)
);

-- A field in which a location was not as NOMIS has it when a verification looked last.
CREATE TABLE migration_difference (
    migration_id varchar(40) NOT NULL REFERENCES migration_history ON DELETE CASCADE,
    nomis_id     bigint      NOT NULL,
    field        varchar(40) NOT NULL,
    nomis        jsonb,
    dps          jsonb,
    PRIMARY KEY (migration_id, nomis_id, field)
);

-- Where a rehearsed location would stand; two at one place are one too many.
ALTER TABLE migration_item ADD COLUMN place text;
