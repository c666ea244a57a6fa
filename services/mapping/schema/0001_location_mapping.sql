-- Strictly one to one: each side is unique. The DPS id is an opaque, case-sensitive string (hence the collation).
CREATE TABLE location_mapping (
    dps_location_id   varchar(40) COLLATE "C" NOT NULL CONSTRAINT location_mapping_dps_key PRIMARY KEY,
    nomis_location_id bigint NOT NULL CONSTRAINT location_mapping_nomis_key UNIQUE,
    label             varchar(20),
    mapping_type      varchar(30) NOT NULL,
    when_created      timestamptz NOT NULL DEFAULT now()
);

-- The pages and the count of one migration, and the last migration, without touching the table.
CREATE INDEX location_mapping_migration_idx ON location_mapping (label, dps_location_id)
    WHERE mapping_type = 'MIGRATED';
CREATE INDEX location_mapping_latest_idx ON location_mapping (when_created DESC, dps_location_id)
    WHERE mapping_type = 'MIGRATED';
