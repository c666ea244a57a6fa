-- How far a prison has switched over; `one_way` follows from the stage and is what the sync doors look at.
ALTER TABLE prison_sync
    ADD COLUMN stage varchar(12) NOT NULL DEFAULT 'BOTH_WAYS'
        CHECK (stage IN ('BOTH_WAYS', 'SCREENS_OFF', 'RECONCILED', 'ONE_WAY')),
    ADD COLUMN since timestamptz;

-- Every step, also back: who, when, why, and what the clean check was that it rests on.
CREATE TABLE switch_over_step (
    step_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prison_id  varchar(5)  NOT NULL,
    from_stage varchar(12) NOT NULL,
    to_stage   varchar(12) NOT NULL,
    taken_at   timestamptz NOT NULL,
    taken_by   varchar(80) NOT NULL,
    reason     text        NOT NULL DEFAULT '',
    clean_check jsonb
);
CREATE INDEX switch_over_step_prison ON switch_over_step (prison_id, step_id);

-- A conflict that was turned round: somebody chose the other value, which was then an ordinary edit.
ALTER TABLE conflict ADD COLUMN chosen varchar(5) CHECK (chosen IN ('DPS', 'NOMIS'));
CREATE INDEX conflict_open ON conflict (id) WHERE acknowledged_at IS NULL;
