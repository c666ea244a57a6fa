-- Every location of every prison. Sets and capacity stand in the row: a location is read and written whole (ADR 0010).
-- Times are London wall-clock without zone, as the contract shows them.
CREATE TABLE location (
    id                              uuid PRIMARY KEY,
    prison_id                       varchar(5)   NOT NULL,
    path_hierarchy                  varchar(150) NOT NULL,
    code                            varchar(12)  NOT NULL,
    location_type                   varchar(30)  NOT NULL,
    parent_id                       uuid REFERENCES location,
    local_name                      varchar(80),
    comments                        varchar(255),
    order_within_parent_location    integer,
    residential_housing_type        varchar(30),
    accommodation_type              varchar(60),
    max_capacity                    integer,
    working_capacity                integer,
    certified                       boolean,
    capacity_of_certified_cell      integer,
    attributes                      text[]       NOT NULL DEFAULT '{}',
    used_for                        text[]       NOT NULL DEFAULT '{}',
    specialist_cell_types           text[]       NOT NULL DEFAULT '{}',
    usages                          jsonb        NOT NULL DEFAULT '[]',
    active                          boolean      NOT NULL DEFAULT true,
    archived                        boolean      NOT NULL DEFAULT false,
    archived_reason                 varchar(200),
    deactivated_date                timestamp(0),
    deactivated_reason              varchar(30),
    deactivation_reason_description varchar(255),
    deactivated_by                  varchar(80),
    proposed_reactivation_date      date,
    planet_fm_reference             varchar(60),
    converted_cell_type             varchar(60),
    other_converted_cell_type       varchar(255),
    when_created                    timestamp    NOT NULL,
    when_updated                    timestamp    NOT NULL,
    updated_by                      varchar(80)  NOT NULL,
    version                         bigint       NOT NULL DEFAULT 1,
    -- Checked at the end of each statement, so that one UPDATE may rename a subtree.
    CONSTRAINT uk_location_prison_path UNIQUE (prison_id, path_hierarchy) DEFERRABLE INITIALLY IMMEDIATE
);
CREATE INDEX location_parent ON location (parent_id);

CREATE TABLE location_history (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    location_id    uuid          NOT NULL REFERENCES location ON DELETE CASCADE,
    attribute_name varchar(80)   NOT NULL,
    old_value      varchar(1024),
    new_value      varchar(1024),
    amended_by     varchar(255)  NOT NULL,
    amended_date   timestamp     NOT NULL
);
CREATE INDEX location_history_location ON location_history (location_id);

-- What both workers remember of a location between walks (libs/domain/sync.py).
CREATE TABLE sync_state (
    location_id       uuid PRIMARY KEY REFERENCES location ON DELETE CASCADE,
    state_version     bigint  NOT NULL DEFAULT 0,
    nomis_location_id bigint,
    nomis_description varchar(240),
    base              jsonb,
    published         jsonb   NOT NULL DEFAULT '{}',
    history_imported  boolean NOT NULL DEFAULT false
);
CREATE INDEX sync_state_nomis ON sync_state (nomis_location_id);

-- A deleted location: its id never comes back.
CREATE TABLE tombstone (
    location_id       uuid PRIMARY KEY,
    nomis_location_id bigint,
    prison_id         varchar(5)   NOT NULL,
    key               varchar(156) NOT NULL,
    deleted_at        timestamptz  NOT NULL,
    deleted_by        varchar(80)  NOT NULL
);

-- A field that both sides changed, or an edit that was refused: nothing is overwritten without a row here.
CREATE TABLE conflict (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    location_id     uuid         NOT NULL,
    key             varchar(156) NOT NULL,
    field           varchar(40)  NOT NULL,
    base            jsonb,
    dps             jsonb,
    nomis           jsonb,
    won             varchar(5)   NOT NULL CHECK (won IN ('DPS', 'NOMIS')),
    reason          text         NOT NULL,
    detected_at     timestamptz  NOT NULL,
    detected_by     varchar(80)  NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by varchar(80)
);
CREATE INDEX conflict_location ON conflict (location_id, id);

-- Who masters a prison, and whether NOMIS's changes are still taken; no row means DPS, both ways.
CREATE TABLE prison_sync (
    prison_id varchar(5) PRIMARY KEY,
    authority varchar(5) NOT NULL DEFAULT 'DPS' CHECK (authority IN ('DPS', 'NOMIS')),
    one_way   boolean    NOT NULL DEFAULT false
);
