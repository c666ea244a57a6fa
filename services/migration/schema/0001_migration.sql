-- A run. The id is its start in London time, to the second, and the label of the mappings it makes.
CREATE TABLE migration_history (
    migration_id           varchar(40) PRIMARY KEY,
    migration_type         varchar(35) NOT NULL DEFAULT 'LOCATIONS',
    status                 varchar(20) NOT NULL DEFAULT 'STARTED'
        CHECK (status IN ('STARTED', 'COMPLETED', 'CANCELLED_REQUESTED', 'CANCELLED')),
    when_started           timestamptz NOT NULL,
    when_ended             timestamptz,
    started_by             varchar(255) NOT NULL,
    filter                 text        NOT NULL,
    prisons                text[]      NOT NULL DEFAULT '{}',
    estimated_record_count bigint      NOT NULL,
    pages_listed           integer     NOT NULL DEFAULT 0,
    listing_complete       boolean     NOT NULL DEFAULT false,
    wave                   integer     NOT NULL DEFAULT 0
);

-- One at a time.
CREATE UNIQUE INDEX migration_active ON migration_history ((true))
    WHERE status IN ('STARTED', 'CANCELLED_REQUESTED');

-- A location to move. `page` is set when its wave is cut into pages; parents' waves come first.
CREATE TABLE migration_item (
    migration_id     varchar(40) NOT NULL REFERENCES migration_history ON DELETE CASCADE,
    nomis_id         bigint      NOT NULL,
    parent_nomis_id  bigint,
    wave             integer     NOT NULL DEFAULT 0,
    page             integer,
    state            varchar(10) NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'migrated', 'skipped', 'failed')),
    reason           text,
    dps_id           uuid,
    nomis_key        text,
    prison_id        varchar(6),
    attempts         integer     NOT NULL DEFAULT 0,
    first_tried_at   timestamptz,
    last_tried_at    timestamptz,
    PRIMARY KEY (migration_id, nomis_id)
) WITH (fillfactor = 70);
CREATE INDEX migration_item_page ON migration_item (migration_id, page) WHERE state = 'pending';

-- A page is a leased row: a message wakes who works on it, and a sweeper wakes again whom a crash let sleep.
CREATE TABLE migration_page (
    migration_id varchar(40) NOT NULL REFERENCES migration_history ON DELETE CASCADE,
    page         integer     NOT NULL,
    wave         integer     NOT NULL,
    done         boolean     NOT NULL DEFAULT false,
    leased_until timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (migration_id, page)
);
