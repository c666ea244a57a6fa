-- Every location as DPS holds it, own state only, in the same columns as nomis.sql.
-- Written from design.md §5 alone; it must not share code with the services it judges.
SELECT l.id,
       l.prison_id AS prison,
       l.parent_id AS parent,
       l.code,
       CASE
           WHEN l.archived THEN 'archived'
           WHEN l.residential_housing_type IS NULL THEN 'non-residential'
           WHEN l.converted_cell_type IS NOT NULL THEN 'converted'
           WHEN l.location_type = 'ROOM' AND l.residential_housing_type = 'HOLDING_CELL' THEN 'converted'
           WHEN l.location_type = 'CELL' THEN 'cell'
           ELSE 'residential'
       END AS kind,
       CASE WHEN l.converted_cell_type IS NOT NULL THEN 'ROOM' ELSE l.location_type END AS type,
       coalesce(l.residential_housing_type, '') AS housing,
       CASE WHEN btrim(coalesce(l.local_name, '')) = '' THEN '' ELSE left(l.local_name, 40) END AS local_name,
       CASE WHEN btrim(coalesce(l.comments, '')) = '' THEN '' ELSE left(l.comments, 240) END AS comments,
       least(999999, greatest(-999999, coalesce(l.order_within_parent_location, 0)))::text AS sequence,
       coalesce(l.max_capacity, 0)::text AS max_capacity,
       coalesce(l.working_capacity, 0)::text AS working_capacity,
       coalesce(l.certified, false)::text AS certified,
       coalesce(l.capacity_of_certified_cell, 0)::text AS certified_capacity,
       coalesce((SELECT string_agg(DISTINCT a, ',' ORDER BY a) FROM unnest(l.attributes) AS a
                  WHERE a NOT IN ('CELL', 'LANDING', 'WING', 'ELIGIBLE', 'INELIGIBLE')), '') AS attributes,
       coalesce((SELECT string_agg((u ->> 'usageType') || ':' || coalesce(u ->> 'capacity', '0') || ':'
                                   || coalesce(u ->> 'sequence', '0'), ',' ORDER BY u ->> 'usageType')
                   FROM jsonb_array_elements(l.usages) AS u), '') AS usages,
       (l.active AND NOT l.archived)::text AS active,
       CASE WHEN l.active AND NOT l.archived THEN '' ELSE coalesce(l.deactivated_date::date::text, '') END AS deactivated,
       CASE
           WHEN l.active AND NOT l.archived THEN ''
           WHEN coalesce(l.deactivated_reason, 'OTHER') IN ('DAMP', 'PEST', 'SECURITY_SEALED') THEN 'OTHER'
           ELSE coalesce(l.deactivated_reason, 'OTHER')
       END AS reason,
       CASE
           WHEN l.active AND NOT l.archived THEN '' ELSE coalesce(l.proposed_reactivation_date::text, '')
       END AS proposed
  FROM location l
