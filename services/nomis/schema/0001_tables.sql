-- NOMIS's internal-location tables as public DDL shows them (reference/nomis.md §1), names in lower case.
-- Times are London's wall clock without a zone, as there. What NOMIS does not constrain is not constrained here either.

CREATE DOMAIN number5 AS integer CHECK (VALUE BETWEEN -99999 AND 99999);
CREATE DOMAIN number6 AS integer CHECK (VALUE BETWEEN -999999 AND 999999);
CREATE DOMAIN number10 AS bigint CHECK (VALUE BETWEEN -9999999999 AND 9999999999);

CREATE FUNCTION london_now() RETURNS timestamp(6) LANGUAGE sql STABLE
    RETURN (clock_timestamp() AT TIME ZONE 'Europe/London')::timestamp(6);

-- Whom the session says it is; schema/0003_triggers.sql tells how.
CREATE FUNCTION nomis_user() RETURNS text LANGUAGE sql STABLE RETURN
    left(coalesce(nullif(current_setting('nomis.audit_user_id', true), ''), upper(session_user::text)), 30);

-- Columns that every table ends with; LIKE copies them.
CREATE TABLE audited (
    create_datetime               timestamp(6) NOT NULL DEFAULT london_now(),
    create_user_id                varchar(32)  NOT NULL DEFAULT nomis_user(),
    modify_datetime               timestamp(6),
    modify_user_id                varchar(32),
    audit_timestamp               timestamp(6),
    audit_user_id                 varchar(32),
    audit_module_name             varchar(65),
    audit_client_user_id          varchar(64),
    audit_client_ip_address       varchar(39),
    audit_client_workstation_name varchar(64),
    audit_additional_info         varchar(256)
);

CREATE TABLE reference_domains (
    domain      varchar(12) CONSTRAINT reference_domains_pk PRIMARY KEY,
    description varchar(40) NOT NULL,
    LIKE audited INCLUDING DEFAULTS
);

CREATE TABLE reference_codes (
    domain           varchar(12) NOT NULL CONSTRAINT ref_code_ref_dmn_f1 REFERENCES reference_domains,
    code             varchar(12) NOT NULL,
    description      varchar(40) NOT NULL,
    list_seq         number6,
    active_flag      varchar(1)  NOT NULL DEFAULT 'Y',
    system_data_flag varchar(1)  NOT NULL DEFAULT 'Y',
    expired_date     timestamp(0),
    new_code         varchar(12),
    parent_code      varchar(12),
    parent_domain    varchar(12),
    LIKE audited INCLUDING DEFAULTS,
    CONSTRAINT reference_codes_pk PRIMARY KEY (domain, code)
);

CREATE TABLE areas (
    area_code   varchar(12) CONSTRAINT areas_pk PRIMARY KEY,
    description varchar(40) NOT NULL,
    area_class  varchar(12),
    LIKE audited INCLUDING DEFAULTS
);

CREATE TABLE agency_locations (
    agy_loc_id             varchar(6) CONSTRAINT agency_locations_pk PRIMARY KEY,
    description            varchar(40) NOT NULL,
    agency_location_type   varchar(12),
    district_code          varchar(12),
    updated_allowed_flag   varchar(1) NOT NULL DEFAULT 'Y',
    abbreviation           varchar(12),
    deactivation_date      timestamp(0),
    contact_name           varchar(40),
    print_queue            varchar(240),
    jurisdiction_code      varchar(12),
    bail_office_flag       varchar(1) NOT NULL DEFAULT 'Y',
    list_seq               number6,
    housing_lev_1_code     varchar(12),
    housing_lev_2_code     varchar(12),
    housing_lev_3_code     varchar(12),
    housing_lev_4_code     varchar(12),
    property_lev_1_code    varchar(12),
    property_lev_2_code    varchar(12),
    property_lev_3_code    varchar(12),
    last_booking_no        number10,
    commissary_privilege   varchar(12),
    business_hours         varchar(40),
    address_type           varchar(12),
    service_required_flag  varchar(12),
    active_flag            varchar(1),
    disability_access_code varchar(12),
    intake_flag            varchar(12),
    sub_area_code          varchar(12),
    area_code              varchar(12) CONSTRAINT agy_loc_area_fk REFERENCES areas,
    noms_region_code       varchar(12),
    geographic_region_code varchar(12),
    justice_area_code      varchar(12),
    cjit_code              varchar(12),
    long_description       varchar(3000),
    LIKE audited INCLUDING DEFAULTS
);

-- The bulk of real ids comes from one dense load; what was added later starts far above it.
CREATE SEQUENCE internal_location_id START 700000;
CREATE TABLE agency_internal_locations (
    internal_location_id        bigint NOT NULL DEFAULT nextval('internal_location_id'),
    internal_location_code      varchar(12)  NOT NULL,
    agy_loc_id                  varchar(6)   NOT NULL
        CONSTRAINT agy_int_loc_agy_loc_fk REFERENCES agency_locations,
    internal_location_type      varchar(12)  NOT NULL,
    description                 varchar(240) NOT NULL,
    security_level_code         varchar(12),
    capacity                    number5,
    parent_internal_location_id bigint
        CONSTRAINT agy_inc_loc_agy_int_loc_fk REFERENCES agency_internal_locations,
    active_flag                 varchar(1)   NOT NULL DEFAULT 'Y',
    list_seq                    number6,
    cna_no                      number10,
    certified_flag              varchar(1)   NOT NULL DEFAULT 'N',
    deactivate_date             timestamp(0),
    reactivate_date             timestamp(0),
    deactivate_reason_code      varchar(12),
    comment_text                varchar(240),
    user_desc                   varchar(40),
    aca_cap_rating              number5,
    unit_type                   varchar(12),
    operation_capacity          number5,
    no_of_occupant              number10 DEFAULT 0,
    tracking_flag               varchar(1)   NOT NULL DEFAULT 'N',
    LIKE audited INCLUDING DEFAULTS,
    CONSTRAINT internal_locations_pk PRIMARY KEY (internal_location_id),
    CONSTRAINT agency_internal_locations_uk UNIQUE (agy_loc_id, description)
);
CREATE INDEX agency_internal_locations_ni3 ON agency_internal_locations (agy_loc_id);
CREATE INDEX agency_internal_locations_x01 ON agency_internal_locations (agy_loc_id, parent_internal_location_id);
CREATE INDEX internal_locations_ni1 ON agency_internal_locations (description);
CREATE INDEX internal_locations_ni2 ON agency_internal_locations (parent_internal_location_id);

CREATE TABLE agy_int_loc_profiles (
    internal_location_id bigint      NOT NULL
        CONSTRAINT agy_int_loc_prof_agy_int_loc_f REFERENCES agency_internal_locations,
    int_loc_profile_type varchar(12) NOT NULL,
    int_loc_profile_code varchar(12) NOT NULL,
    LIKE audited INCLUDING DEFAULTS,
    CONSTRAINT agy_int_loc_profiles_pk PRIMARY KEY (internal_location_id, int_loc_profile_type, int_loc_profile_code)
);

-- Which uses a prison knows at all.
CREATE SEQUENCE internal_location_usage_id START 10000;
CREATE TABLE internal_location_usages (
    internal_location_usage_id bigint      NOT NULL DEFAULT nextval('internal_location_usage_id'),
    agy_loc_id                 varchar(6)  NOT NULL,
    internal_location_usage    varchar(12) NOT NULL,
    event_sub_type             varchar(12),
    LIKE audited INCLUDING DEFAULTS,
    CONSTRAINT internal_location_usages_pk PRIMARY KEY (internal_location_usage_id),
    -- Oracle refuses a second row whose event_sub_type is null too.
    CONSTRAINT internal_location_usages_uk UNIQUE NULLS NOT DISTINCT
        (agy_loc_id, internal_location_usage, event_sub_type)
);

-- No reference to the location: NOMIS has none, and rows of locations that are gone exist.
CREATE SEQUENCE usage_location_id START 700000;
CREATE TABLE int_loc_usage_locations (
    usage_location_id          bigint NOT NULL DEFAULT nextval('usage_location_id'),
    internal_location_usage_id bigint NOT NULL
        CONSTRAINT int_loc_usg_loc_int_loc_usg_fk REFERENCES internal_location_usages,
    internal_location_id       bigint NOT NULL,
    capacity                   number5,
    usage_location_type        varchar(12),
    list_seq                   number6,
    parent_usage_location_id   bigint,
    LIKE audited INCLUDING DEFAULTS,
    CONSTRAINT int_loc_usage_locations_pk PRIMARY KEY (usage_location_id),
    CONSTRAINT int_loc_usage_locations_uk UNIQUE (internal_location_usage_id, internal_location_id),
    CONSTRAINT iloc_usg_loc_iloc_usg_loc_fk FOREIGN KEY (parent_usage_location_id)
        REFERENCES int_loc_usage_locations (usage_location_id)
);
CREATE INDEX int_loc_usage_locations_ni1 ON int_loc_usage_locations (parent_usage_location_id);
CREATE INDEX int_loc_usage_locations_ni2 ON int_loc_usage_locations (internal_location_id);

CREATE SEQUENCE agy_int_loc_amendment_id START 2000000;
CREATE TABLE agy_int_loc_amendments (
    agy_int_loc_amendment_id bigint       NOT NULL DEFAULT nextval('agy_int_loc_amendment_id'),
    internal_location_id     bigint       NOT NULL
        CONSTRAINT agy_il_amends_agy_int_loc_fk REFERENCES agency_internal_locations,
    amend_date               timestamp(0) NOT NULL,
    column_name              varchar(30),
    old_value                varchar(240),
    new_value                varchar(240),
    deactivate_reason_code   varchar(12),
    int_loc_profile_code     varchar(12),
    action_code              varchar(12),
    amend_user_id            varchar(30)  NOT NULL,
    LIKE audited INCLUDING DEFAULTS,
    CONSTRAINT agy_int_loc_amendments_pk PRIMARY KEY (agy_int_loc_amendment_id)
);
CREATE INDEX agy_int_loc_amendments_ni1 ON agy_int_loc_amendments (internal_location_id);

DROP TABLE audited;

-- Prisons whose screens are turned off, for one service each.
CREATE TABLE service_agency_switches (
    service_name varchar(30) NOT NULL,
    agy_loc_id   varchar(6)  NOT NULL CONSTRAINT service_agency_switches_fk REFERENCES agency_locations,
    switched_at  timestamp(6) NOT NULL DEFAULT london_now(),
    CONSTRAINT service_agency_switches_pk PRIMARY KEY (agy_loc_id, service_name)
);

-- What the triggers enqueue and the relay publishes; NOMIS has an Oracle AQ queue here, XTAG_DPS.
CREATE TABLE xtag_listener_tab (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id        uuid        NOT NULL DEFAULT gen_random_uuid(),
    jms_type        text,
    payload         jsonb       NOT NULL,
    enqueued_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    state           text        NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'exception', 'done')),
    original_queue  text        NOT NULL DEFAULT 'XTAG_DPS',
    reason          text,
    done_at         timestamptz
);
CREATE INDEX xtag_listener_ready ON xtag_listener_tab (id) WHERE state = 'ready';
CREATE INDEX xtag_listener_exception ON xtag_listener_tab (id) WHERE state = 'exception';
CREATE INDEX xtag_listener_done ON xtag_listener_tab (done_at) WHERE state = 'done';

-- Which making of a topic has been published to; one made anew gets what is kept once more.
CREATE TABLE xtag_topic (
    topic      text PRIMARY KEY,
    generation text NOT NULL
);
