#!/bin/sh
# Runs once, when PostgreSQL makes its data: one database for each service, its login the only one that may connect.
set -eu

create() {
    psql -v ON_ERROR_STOP=1 -v name="$1" -v password="$2" --username postgres <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name", postgres, template1 FROM PUBLIC;
SQL
}

create locations "$LOCATIONS_DATABASE_PASSWORD"
create nomis "$NOMIS_DATABASE_PASSWORD"
create mapping "$MAPPING_DATABASE_PASSWORD"
create migration "$MIGRATION_DATABASE_PASSWORD"
create reconciliation "$RECONCILIATION_DATABASE_PASSWORD"
