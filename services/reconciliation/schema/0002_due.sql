-- A location that changed and is to be looked at once it has had time to settle, known by the id of the side that told
-- of it. Where both sides told, the look finds that they are one and keeps the row of DPS.
CREATE TABLE due (
    side      varchar(5)  NOT NULL CHECK (side IN ('DPS', 'NOMIS')),
    id        varchar(40) NOT NULL,
    prison_id varchar(6),
    due_at    timestamptz NOT NULL,
    -- When it was first told of since it was last looked at: a location that never rests is looked at all the same.
    since     timestamptz NOT NULL,
    -- Moves with every telling: a look that began before the last one does not end it.
    noted     bigint      NOT NULL DEFAULT 1,
    -- How often a worker was asked for these two states, and since the last telling.
    rounds    integer     NOT NULL DEFAULT 0,
    asked     integer     NOT NULL DEFAULT 0,
    digest    text,
    -- Nobody is asked any more, until either side changes or an operator says so.
    parked_at timestamptz,
    key       varchar(240) NOT NULL DEFAULT '',
    reason    text         NOT NULL DEFAULT '',
    PRIMARY KEY (side, id)
);
CREATE INDEX due_next ON due (due_at) WHERE parked_at IS NULL;
CREATE INDEX due_parked ON due (side, id) WHERE parked_at IS NOT NULL;
