-- A full run: all prisons, or one. Whoever holds the lease works on it; one that died is started again from the top.
CREATE TABLE run (
    run_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prison_id     varchar(6),
    status        varchar(10)  NOT NULL DEFAULT 'REQUESTED'
        CHECK (status IN ('REQUESTED', 'RUNNING', 'COMPLETED', 'FAILED')),
    requested_by  varchar(255) NOT NULL,
    requested_at  timestamptz  NOT NULL,
    -- One row for each time of the schedule, whichever replica comes first.
    scheduled_for timestamptz UNIQUE,
    -- Whether what it finds is handed to the settle check.
    settles       boolean      NOT NULL,
    started_at    timestamptz,
    ended_at      timestamptz,
    leased_until  timestamptz  NOT NULL DEFAULT '-infinity',
    attempts      integer      NOT NULL DEFAULT 0,
    failure       text,
    nomis_rows    bigint       NOT NULL DEFAULT 0,
    dps_locations bigint       NOT NULL DEFAULT 0,
    ignored       bigint       NOT NULL DEFAULT 0,
    compared      bigint       NOT NULL DEFAULT 0,
    suspected     bigint       NOT NULL DEFAULT 0,
    in_flight     bigint       NOT NULL DEFAULT 0
);

-- One at a time.
CREATE UNIQUE INDEX run_active ON run ((true)) WHERE status IN ('REQUESTED', 'RUNNING');

-- What did not look equal at first sight and is looked at again before it is reported.
CREATE TABLE suspect (
    suspect_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id     bigint NOT NULL REFERENCES run ON DELETE CASCADE,
    -- The look it waits for, and what the look before it saw.
    look       integer NOT NULL DEFAULT 0,
    digest     text,
    dps_id     uuid,
    nomis_id   bigint
);
CREATE INDEX suspect_run ON suspect (run_id, look, suspect_id);

CREATE TABLE mismatch (
    mismatch_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id      bigint       NOT NULL REFERENCES run ON DELETE CASCADE,
    finding     varchar(20)  NOT NULL,
    dps_id      uuid,
    nomis_id    bigint,
    prison_id   varchar(6),
    key         varchar(240) NOT NULL,
    reason      text         NOT NULL,
    differences jsonb        NOT NULL DEFAULT '[]'
);
CREATE INDEX mismatch_run ON mismatch (run_id, mismatch_id);
