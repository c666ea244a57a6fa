-- What NOMIS does by itself when a row changes: audit columns, amendments, events (reference/nomis.md §1.9, §3).
-- Who and with what: the settings nomis.audit_user_id and nomis.audit_module_name, set locally in the transaction.
-- Module MERGE is how NOMIS is loaded: it writes neither amendments nor events and keeps the audit values it is given.

CREATE FUNCTION nomis_module() RETURNS text LANGUAGE sql STABLE RETURN
    nullif(current_setting('nomis.audit_module_name', true), '');

CREATE FUNCTION audit_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    module constant text := nomis_module();
    is_load constant boolean := module IS NOT DISTINCT FROM 'MERGE';
    at constant timestamp(6) := london_now();
BEGIN
    IF is_load AND TG_OP = 'INSERT' THEN
        NEW.create_datetime := coalesce(NEW.create_datetime, at);
        NEW.create_user_id := coalesce(NEW.create_user_id, nomis_user());
        NEW.audit_timestamp := coalesce(NEW.audit_timestamp, NEW.modify_datetime, NEW.create_datetime);
        NEW.audit_user_id := coalesce(NEW.audit_user_id, NEW.modify_user_id, NEW.create_user_id);
        NEW.audit_module_name := coalesce(NEW.audit_module_name, module);
        RETURN NEW;
    END IF;
    IF TG_OP = 'INSERT' THEN
        NEW.create_datetime := at;
        NEW.create_user_id := nomis_user();
        NEW.modify_datetime := NULL;
        NEW.modify_user_id := NULL;
    ELSE
        NEW.create_datetime := OLD.create_datetime;
        NEW.create_user_id := OLD.create_user_id;
        NEW.modify_datetime := at;
        NEW.modify_user_id := nomis_user();
    END IF;
    NEW.audit_timestamp := at;
    NEW.audit_user_id := nomis_user();
    NEW.audit_module_name := module;
    NEW.audit_client_user_id := session_user;
    NEW.audit_client_ip_address := host(inet_client_addr());
    NEW.audit_client_workstation_name := left(current_setting('application_name'), 64);
    RETURN NEW;
END $$;

CREATE TRIGGER reference_domains_audit BEFORE INSERT OR UPDATE ON reference_domains
    FOR EACH ROW EXECUTE FUNCTION audit_row();
CREATE TRIGGER reference_codes_audit BEFORE INSERT OR UPDATE ON reference_codes
    FOR EACH ROW EXECUTE FUNCTION audit_row();
CREATE TRIGGER areas_audit BEFORE INSERT OR UPDATE ON areas
    FOR EACH ROW EXECUTE FUNCTION audit_row();
CREATE TRIGGER agency_locations_audit BEFORE INSERT OR UPDATE ON agency_locations
    FOR EACH ROW EXECUTE FUNCTION audit_row();
CREATE TRIGGER agency_internal_locations_audit BEFORE INSERT OR UPDATE ON agency_internal_locations
    FOR EACH ROW EXECUTE FUNCTION audit_row();
CREATE TRIGGER agy_int_loc_profiles_audit BEFORE INSERT OR UPDATE ON agy_int_loc_profiles
    FOR EACH ROW EXECUTE FUNCTION audit_row();
CREATE TRIGGER internal_location_usages_audit BEFORE INSERT OR UPDATE ON internal_location_usages
    FOR EACH ROW EXECUTE FUNCTION audit_row();
CREATE TRIGGER int_loc_usage_locations_audit BEFORE INSERT OR UPDATE ON int_loc_usage_locations
    FOR EACH ROW EXECUTE FUNCTION audit_row();
CREATE TRIGGER agy_int_loc_amendments_audit BEFORE INSERT OR UPDATE ON agy_int_loc_amendments
    FOR EACH ROW EXECUTE FUNCTION audit_row();

-- To Oracle an empty text is no text.
CREATE FUNCTION empty_location_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.internal_location_code := nullif(NEW.internal_location_code, '');
    NEW.internal_location_type := nullif(NEW.internal_location_type, '');
    NEW.description := nullif(NEW.description, '');
    NEW.security_level_code := nullif(NEW.security_level_code, '');
    NEW.deactivate_reason_code := nullif(NEW.deactivate_reason_code, '');
    NEW.comment_text := nullif(NEW.comment_text, '');
    NEW.user_desc := nullif(NEW.user_desc, '');
    NEW.unit_type := nullif(NEW.unit_type, '');
    RETURN NEW;
END $$;
CREATE TRIGGER agency_internal_locations_empty BEFORE INSERT OR UPDATE ON agency_internal_locations
    FOR EACH ROW EXECUTE FUNCTION empty_location_text();

-- While a prison's switch is on, only the API, prison-api and loads may change its locations. The lock waits out, and
-- holds off, a switch being turned in another transaction: once it is on, every edit before it has committed.
CREATE FUNCTION refuse_screens_switched_off(agency text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    module constant text := coalesce(nomis_module(), '');
BEGIN
    IF module LIKE 'DPS\_SYNCHRONISATION%' OR module IN ('PRISON_API', 'MERGE') THEN
        RETURN;
    END IF;
    PERFORM 1 FROM agency_locations WHERE agy_loc_id = agency FOR SHARE;
    IF EXISTS (SELECT 1 FROM service_agency_switches WHERE agy_loc_id = agency) THEN
        RAISE EXCEPTION 'the screens that change internal locations are switched off at %', agency;
    END IF;
END $$;

CREATE FUNCTION xtag_enqueue(jms_type text, payload jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO xtag_listener_tab (jms_type, payload)
    VALUES (jms_type, jsonb_strip_nulls(payload || jsonb_build_object('p_audit_module_name', nomis_module())));
    SELECT pg_notify('xtag', '');
$$;

CREATE FUNCTION amend_location(was agency_internal_locations, now agency_internal_locations) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO agy_int_loc_amendments (internal_location_id, amend_date, column_name, old_value, new_value,
        deactivate_reason_code, action_code, amend_user_id)
    SELECT now.internal_location_id, date_trunc('second', london_now()), label, old_value, new_value,
        CASE WHEN label = 'Active' AND new_value = 'N' THEN now.deactivate_reason_code END,
        CASE WHEN old_value IS NULL THEN 'A' WHEN new_value IS NULL THEN 'D' ELSE 'U' END,
        nomis_user()
    FROM (VALUES
        (1, 'Unit Type', was.unit_type::text, now.unit_type::text),
        (2, 'Active', was.active_flag, now.active_flag),
        (3, 'Living Unit Id', was.internal_location_code, now.internal_location_code),
        (4, 'Comments', was.comment_text, now.comment_text),
        (5, 'Accommodation Type', was.internal_location_type, now.internal_location_type),
        (6, 'Certified', was.certified_flag, now.certified_flag),
        (7, 'Description', was.description, now.description),
        (8, 'Baseline CNA', was.cna_no::text, now.cna_no::text),
        (9, 'Operational Capacity', was.operation_capacity::text, now.operation_capacity::text),
        (10, 'Deactivate Reason', was.deactivate_reason_code, now.deactivate_reason_code),
        (11, 'Proposed Reactivate Date', to_char(was.reactivate_date, 'DD-MON-YY'),
            to_char(now.reactivate_date, 'DD-MON-YY')),
        (12, 'Sequence', was.list_seq::text, now.list_seq::text),
        (13, 'Deactivate Date', to_char(was.deactivate_date, 'DD-MON-YY'), to_char(now.deactivate_date, 'DD-MON-YY')),
        (14, 'Maximum Capacity', was.capacity::text, now.capacity::text)
    ) AS changed (place, label, old_value, new_value)
    WHERE old_value IS DISTINCT FROM new_value
    ORDER BY place;
$$;

CREATE FUNCTION location_payload(changed agency_internal_locations) RETURNS jsonb LANGUAGE sql STABLE RETURN
    jsonb_build_object(
        'p_internal_location_id', changed.internal_location_id::text,
        'p_description', changed.description,
        'p_internal_location_code', changed.internal_location_code,
        'p_agy_loc_id', changed.agy_loc_id,
        'p_internal_location_type', changed.internal_location_type,
        'p_security_level_code', changed.security_level_code,
        'p_capacity', changed.capacity::text,
        'p_create_user_id', changed.create_user_id,
        'p_parent_internal_location_id', changed.parent_internal_location_id::text,
        'p_active_flag', changed.active_flag,
        'p_list_seq', changed.list_seq::text,
        'p_cna_no', changed.cna_no::text,
        'p_certified_flag', changed.certified_flag,
        'p_deactivate_date', changed.deactivate_date::text,
        'p_reactivate_date', changed.reactivate_date::text,
        'p_deactivate_reason_code', changed.deactivate_reason_code,
        'p_comment_text', changed.comment_text,
        'p_user_desc', changed.user_desc,
        'p_aca_cap_rating', changed.aca_cap_rating::text,
        'p_unit_type', changed.unit_type,
        'p_operation_capacity', changed.operation_capacity::text,
        'p_tracking_flag', changed.tracking_flag);

CREATE FUNCTION location_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM refuse_screens_switched_off(OLD.agy_loc_id);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM refuse_screens_switched_off(NEW.agy_loc_id);
    END IF;
    CASE TG_OP
    WHEN 'INSERT' THEN
        PERFORM xtag_enqueue('AGENCY_INTERNAL_LOCATIONS-UPDATED', location_payload(NEW));
    WHEN 'UPDATE' THEN
        PERFORM amend_location(OLD, NEW);
        PERFORM xtag_enqueue('AGENCY_INTERNAL_LOCATIONS-UPDATED',
            location_payload(NEW) || jsonb_build_object('p_old_description', OLD.description));
    ELSE
        PERFORM xtag_enqueue('AGENCY_INTERNAL_LOCATIONS-UPDATED', jsonb_build_object(
            'p_internal_location_id', OLD.internal_location_id::text, 'p_agy_loc_id', OLD.agy_loc_id,
            'p_old_description', OLD.description, 'p_delete_flag', 'Y'));
    END CASE;
    RETURN NULL;
END $$;

CREATE TRIGGER agency_internal_locations_added AFTER INSERT OR DELETE ON agency_internal_locations
    FOR EACH ROW WHEN (current_setting('nomis.audit_module_name', true) IS DISTINCT FROM 'MERGE')
    EXECUTE FUNCTION location_changed();
-- Occupancy, which every cell move changes, is not among these columns.
CREATE TRIGGER agency_internal_locations_changed AFTER UPDATE ON agency_internal_locations
    FOR EACH ROW WHEN (current_setting('nomis.audit_module_name', true) IS DISTINCT FROM 'MERGE'
        AND (OLD.description, OLD.internal_location_code, OLD.agy_loc_id, OLD.internal_location_type,
            OLD.security_level_code, OLD.capacity, OLD.parent_internal_location_id, OLD.active_flag, OLD.list_seq,
            OLD.cna_no, OLD.certified_flag, OLD.deactivate_date, OLD.reactivate_date, OLD.deactivate_reason_code,
            OLD.comment_text, OLD.user_desc, OLD.aca_cap_rating, OLD.unit_type, OLD.operation_capacity,
            OLD.tracking_flag)
        IS DISTINCT FROM
            (NEW.description, NEW.internal_location_code, NEW.agy_loc_id, NEW.internal_location_type,
            NEW.security_level_code, NEW.capacity, NEW.parent_internal_location_id, NEW.active_flag, NEW.list_seq,
            NEW.cna_no, NEW.certified_flag, NEW.deactivate_date, NEW.reactivate_date, NEW.deactivate_reason_code,
            NEW.comment_text, NEW.user_desc, NEW.aca_cap_rating, NEW.unit_type, NEW.operation_capacity,
            NEW.tracking_flag))
    EXECUTE FUNCTION location_changed();

CREATE FUNCTION amend_profile(location bigint, profile_type text, was text, now text) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO agy_int_loc_amendments (internal_location_id, amend_date, column_name, old_value, new_value,
        action_code, amend_user_id)
    SELECT location, date_trunc('second', london_now()),
        (SELECT left(description, 30) FROM reference_codes WHERE domain = 'IL_PROF' AND code = profile_type),
        coalesce((SELECT description FROM reference_codes WHERE domain = profile_type AND code = was), was),
        coalesce((SELECT description FROM reference_codes WHERE domain = profile_type AND code = now), now),
        CASE WHEN was IS NULL THEN 'A' WHEN now IS NULL THEN 'D' ELSE 'U' END,
        nomis_user();
$$;

CREATE FUNCTION profile_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    row agy_int_loc_profiles;
BEGIN
    IF TG_OP = 'DELETE' THEN row := OLD; ELSE row := NEW; END IF;
    PERFORM refuse_screens_switched_off(agy_loc_id) FROM agency_internal_locations
        WHERE internal_location_id = row.internal_location_id;
    CASE TG_OP
    WHEN 'INSERT' THEN
        PERFORM amend_profile(NEW.internal_location_id, NEW.int_loc_profile_type, NULL, NEW.int_loc_profile_code);
    WHEN 'DELETE' THEN
        PERFORM amend_profile(OLD.internal_location_id, OLD.int_loc_profile_type, OLD.int_loc_profile_code, NULL);
    ELSE
        PERFORM amend_profile(NEW.internal_location_id, NEW.int_loc_profile_type, OLD.int_loc_profile_code,
            NEW.int_loc_profile_code);
    END CASE;
    PERFORM xtag_enqueue('AGY_INT_LOC_PROFILES-UPDATED', jsonb_build_object(
        'p_internal_location_id', row.internal_location_id::text,
        'p_int_loc_profile_type', row.int_loc_profile_type,
        'p_int_loc_profile_code', row.int_loc_profile_code,
        'p_delete_flag', CASE WHEN TG_OP = 'DELETE' THEN 'Y' END));
    RETURN NULL;
END $$;
CREATE TRIGGER agy_int_loc_profiles_changed AFTER INSERT OR UPDATE OR DELETE ON agy_int_loc_profiles
    FOR EACH ROW WHEN (current_setting('nomis.audit_module_name', true) IS DISTINCT FROM 'MERGE')
    EXECUTE FUNCTION profile_changed();

CREATE FUNCTION usage_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    row int_loc_usage_locations;
BEGIN
    IF TG_OP = 'DELETE' THEN row := OLD; ELSE row := NEW; END IF;
    -- The location may not exist; the prison is also that of the usage.
    PERFORM refuse_screens_switched_off(agy_loc_id) FROM internal_location_usages
        WHERE internal_location_usage_id = row.internal_location_usage_id;
    PERFORM xtag_enqueue('INT_LOC_USAGE_LOCATIONS-UPDATED', jsonb_build_object(
        'p_internal_location_usage_id', row.internal_location_usage_id::text,
        'p_internal_location_id', row.internal_location_id::text,
        'p_capacity', row.capacity::text,
        'p_usage_location_type', row.usage_location_type,
        'p_list_seq', row.list_seq::text,
        'p_usage_location_id', row.usage_location_id::text,
        'p_parent_usage_location_id', row.parent_usage_location_id::text,
        'p_delete_flag', CASE WHEN TG_OP = 'DELETE' THEN 'Y' END));
    RETURN NULL;
END $$;
CREATE TRIGGER int_loc_usage_locations_added AFTER INSERT OR DELETE ON int_loc_usage_locations
    FOR EACH ROW WHEN (current_setting('nomis.audit_module_name', true) IS DISTINCT FROM 'MERGE')
    EXECUTE FUNCTION usage_changed();
CREATE TRIGGER int_loc_usage_locations_changed AFTER UPDATE ON int_loc_usage_locations
    FOR EACH ROW WHEN (current_setting('nomis.audit_module_name', true) IS DISTINCT FROM 'MERGE'
        AND (OLD.internal_location_usage_id, OLD.internal_location_id, OLD.capacity, OLD.usage_location_type,
            OLD.list_seq, OLD.parent_usage_location_id)
        IS DISTINCT FROM (NEW.internal_location_usage_id, NEW.internal_location_id, NEW.capacity,
            NEW.usage_location_type, NEW.list_seq, NEW.parent_usage_location_id))
    EXECUTE FUNCTION usage_changed();
