-- Every location as NOMIS holds it, in the words of DPS: one row each, sets as sorted text.
-- Written from reference/from-nomis.md §1.7 and design.md §5 alone; it must not share code with the services it judges.
WITH type_word (nomis, dps) AS (VALUES
    ('WING', 'WING'), ('BLK', 'WING'), ('HBLK', 'WING'), ('SPUR', 'SPUR'), ('LAND', 'LANDING'),
    ('TIER', 'LANDING'), ('LAN', 'LANDING'), ('CELL', 'CELL'), ('ADJU', 'ADJUDICATION_ROOM'),
    ('ADMI', 'ADMINISTRATION_AREA'), ('APP', 'APPOINTMENTS'), ('AREA', 'AREA'), ('ASSO', 'ASSOCIATION'),
    ('BOOT', 'BOOTH'), ('BOX', 'BOX'), ('CLAS', 'CLASSROOM'), ('EXER', 'EXERCISE_AREA'),
    ('EXTE', 'EXTERNAL_GROUNDS'), ('FAIT', 'FAITH_AREA'), ('GROU', 'GROUP'), ('HCEL', 'HOLDING_CELL'),
    ('HOLD', 'HOLDING_AREA'), ('IGRO', 'INTERNAL_GROUNDS'), ('INSI', 'INSIDE_PARTY'), ('INTE', 'INTERVIEW'),
    ('LOCA', 'LOCATION'), ('MEDI', 'MEDICAL'), ('MOVE', 'MOVEMENT_AREA'), ('OFFI', 'OFFICE'),
    ('OUTS', 'OUTSIDE_PARTY'), ('POSI', 'POSITION'), ('RESI', 'RESIDENTIAL_UNIT'), ('ROOM', 'ROOM'),
    ('RTU', 'RETURN_TO_UNIT'), ('SHEL', 'SHELF'), ('SPOR', 'SPORTS'), ('STOR', 'STORE'), ('TABL', 'TABLE'),
    ('TRAI', 'TRAINING_AREA'), ('TRRM', 'TRAINING_ROOM'), ('VIDE', 'VIDEO_LINK'), ('VISIT', 'VISITS'),
    ('WORK', 'WORKSHOP')
), unit_word (nomis, dps) AS (VALUES
    ('HC', 'HEALTHCARE'), ('HOLC', 'HOLDING_CELL'), ('NA', 'NORMAL_ACCOMMODATION'), ('OU', 'OTHER_USE'),
    ('REC', 'RECEPTION'), ('SEG', 'SEGREGATION'), ('SPLC', 'SPECIALIST_CELL')
), reason_word (nomis, dps) AS (VALUES
    ('A', 'OTHER'), ('B', 'OTHER'), ('C', 'OTHER'), ('D', 'REFURBISHMENT'), ('E', 'OTHER'), ('F', 'OTHER'),
    ('G', 'MAINTENANCE'), ('H', 'STAFF_SHORTAGE'), ('I', 'MOTHBALLED'), ('J', 'DAMAGED'), ('K', 'OTHER'),
    ('L', 'OTHER')
), usage_word (nomis, dps) AS (VALUES
    ('APP', 'APPOINTMENT'), ('VISIT', 'VISIT'), ('MOVEMENT', 'MOVEMENT'), ('OCCUR', 'OCCURRENCE'),
    ('OIC', 'ADJUDICATION_HEARING'), ('OTHER', 'OTHER'), ('OTH', 'OTHER'), ('PROG', 'PROGRAMMES_ACTIVITIES'),
    ('PROP', 'PROPERTY')
), profile_word (type, nomis, dps) AS (VALUES
    ('HOU_SANI_FIT', 'ABD', 'ANTI_BARRICADE_DOOR'), ('HOU_SANI_FIT', 'ACB', 'AUDITABLE_CELL_BELL'),
    ('HOU_SANI_FIT', 'FIB', 'FIXED_BED'), ('HOU_SANI_FIT', 'MD', 'METAL_DOOR'),
    ('HOU_SANI_FIT', 'MOB', 'MOVABLE_BED'), ('HOU_SANI_FIT', 'PC', 'PRIVACY_CURTAIN'),
    ('HOU_SANI_FIT', 'PS', 'PRIVACY_SCREEN'), ('HOU_SANI_FIT', 'SCB', 'STANDARD_CELL_BELL'),
    ('HOU_SANI_FIT', 'SETO', 'SEPARATE_TOILET'), ('HOU_SANI_FIT', 'WD', 'WOODEN_DOOR'),
    ('HOU_UNIT_ATT', 'A', 'CAT_A_CELL'), ('HOU_UNIT_ATT', 'DO', 'DOUBLE_OCCUPANCY'),
    ('HOU_UNIT_ATT', 'ELC', 'E_LIST_CELL'), ('HOU_UNIT_ATT', 'GC', 'GATED_CELL'),
    ('HOU_UNIT_ATT', 'LC', 'LISTENER_CELL'), ('HOU_UNIT_ATT', 'LF', 'LOCATE_FLAT'),
    ('HOU_UNIT_ATT', 'MO', 'MULTIPLE_OCCUPANCY'), ('HOU_UNIT_ATT', 'NSMC', 'NON_SMOKER_CELL'),
    ('HOU_UNIT_ATT', 'OC', 'OBSERVATION_CELL'), ('HOU_UNIT_ATT', 'SC', 'SAFE_CELL'),
    ('HOU_UNIT_ATT', 'SO', 'SINGLE_OCCUPANCY'), ('HOU_UNIT_ATT', 'SPC', 'SPECIAL_CELL'),
    ('HOU_UNIT_ATT', 'WA', 'WHEELCHAIR_ACCESS'), ('HOU_USED_FOR', '1', 'UNCONVICTED_JUVENILES'),
    ('HOU_USED_FOR', '2', 'SENTENCED_JUVENILES'), ('HOU_USED_FOR', '3', 'UNCONVICTED_18_20'),
    ('HOU_USED_FOR', '4', 'SENTENCED_18_20'), ('HOU_USED_FOR', '5', 'UNCONVICTED_ADULTS'),
    ('HOU_USED_FOR', '6', 'SENTENCED_ADULTS'), ('HOU_USED_FOR', '7', 'VULNERABLE_PRISONER_UNIT'),
    ('HOU_USED_FOR', 'V', 'VULNERABLE_PRISONER_UNIT'), ('HOU_USED_FOR', '8', 'SPECIAL_UNIT'),
    ('HOU_USED_FOR', '9', 'RESETTLEMENT_HOSTEL'), ('HOU_USED_FOR', '10', 'HEALTHCARE_CENTRE'),
    ('HOU_USED_FOR', '11', 'NATIONAL_RESOURCE_HOSPITAL'), ('HOU_USED_FOR', 'H', 'NATIONAL_RESOURCE_HOSPITAL'),
    ('HOU_USED_FOR', '12', 'OTHER_SPECIFIED'), ('HOU_USED_FOR', 'A', 'REMAND_CENTRE'),
    ('HOU_USED_FOR', 'B', 'LOCAL_PRISON'), ('HOU_USED_FOR', 'C', 'CLOSED_PRISON'),
    ('HOU_USED_FOR', 'D', 'OPEN_TRAINING'), ('HOU_USED_FOR', 'E', 'HOSTEL'),
    ('HOU_USED_FOR', 'I', 'CLOSED_YOUNG_OFFENDER'), ('HOU_USED_FOR', 'J', 'OPEN_YOUNG_OFFENDER'),
    ('HOU_USED_FOR', 'K', 'REMAND_UNDER_18'), ('HOU_USED_FOR', 'L', 'SENTENCED_UNDER_18'),
    ('HOU_USED_FOR', 'R', 'ECL_COMPONENT'), ('HOU_USED_FOR', 'T', 'ADDITIONAL_SPECIAL_UNIT'),
    ('HOU_USED_FOR', 'Y', 'SECOND_CLOSED_TRAINER'), ('HOU_USED_FOR', 'Z', 'IMMIGRATION_DETAINEES'),
    ('SUP_LVL_TYPE', 'A', 'CAT_A'), ('SUP_LVL_TYPE', 'E', 'CAT_A_EX'), ('SUP_LVL_TYPE', 'H', 'CAT_A_HI'),
    ('SUP_LVL_TYPE', 'B', 'CAT_B'), ('SUP_LVL_TYPE', 'C', 'CAT_C'), ('SUP_LVL_TYPE', 'D', 'CAT_D'),
    ('SUP_LVL_TYPE', 'GRANTED', 'PAROLE_GRANTED'), ('SUP_LVL_TYPE', 'I', 'YOI_CLOSED'),
    ('SUP_LVL_TYPE', 'J', 'YOI_OPEN'), ('SUP_LVL_TYPE', 'V', 'YOI_RESTRICTED'),
    ('SUP_LVL_TYPE', 'K', 'YOI_SHORT_SENTENCE'), ('SUP_LVL_TYPE', 'L', 'YOI_LONG_TERM_CLOSED'),
    ('SUP_LVL_TYPE', 'Z', 'UNCLASSIFIED'), ('SUP_LVL_TYPE', 'X', 'UNCATEGORISED_SENTENCED_MALE'),
    ('SUP_LVL_TYPE', 'LOW', 'LOW'), ('SUP_LVL_TYPE', 'MED', 'MEDIUM'), ('SUP_LVL_TYPE', 'HI', 'HIGH'),
    ('SUP_LVL_TYPE', 'N/A', 'NOT_APPLICABLE'), ('SUP_LVL_TYPE', 'NA', 'NOT_APPLICABLE'),
    ('SUP_LVL_TYPE', 'P', 'PROV_A'), ('SUP_LVL_TYPE', 'PEND', 'PENDING'),
    ('SUP_LVL_TYPE', 'REF/REVIEW', 'REF_REVIEW'), ('SUP_LVL_TYPE', 'REFUSED', 'REFUSED_NO_REVIEW'),
    ('SUP_LVL_TYPE', 'STANDARD', 'STANDARD'), ('SUP_LVL_TYPE', 'Q', 'FEMALE_RESTRICTED'),
    ('SUP_LVL_TYPE', 'R', 'FEMALE_CLOSED'), ('SUP_LVL_TYPE', 'S', 'FEMALE_SEMI'),
    ('SUP_LVL_TYPE', 'T', 'FEMALE_OPEN'), ('SUP_LVL_TYPE', 'U', 'UN_SENTENCED'), ('SUP_LVL_TYPE', 'Y', 'YES'),
    ('SUP_LVL_TYPE', 'N', 'NO'), ('HOU_UNIT_ATT', 'SAFE_CELL', 'SAFE_CELL')
), attribute AS (
    SELECT p.internal_location_id AS id, string_agg(DISTINCT w.dps, ',' ORDER BY w.dps) AS words
      FROM agy_int_loc_profiles p
      JOIN profile_word w ON w.type = p.int_loc_profile_type AND w.nomis = p.int_loc_profile_code
     GROUP BY 1
), usage_once AS (
    -- OTH and OTHER are one usage; where a row has both, OTHER speaks for it.
    SELECT DISTINCT ON (l.internal_location_id, w.dps)
           l.internal_location_id AS id, w.dps, coalesce(l.capacity, 0) AS capacity, coalesce(l.list_seq, 0) AS list_seq
      FROM int_loc_usage_locations l
      JOIN internal_location_usages u USING (internal_location_usage_id)
      JOIN usage_word w ON w.nomis = u.internal_location_usage
     ORDER BY 1, 2, u.internal_location_usage = 'OTH'
), usage AS (
    SELECT id, string_agg(dps || ':' || capacity || ':' || list_seq, ',' ORDER BY dps) AS words FROM usage_once GROUP BY 1
)
SELECT r.internal_location_id AS id,
       r.agy_loc_id AS prison,
       r.parent_internal_location_id AS parent,
       r.internal_location_code AS code,
       CASE WHEN r.internal_location_type = 'CELL' AND r.unit_type = 'HOLC' THEN 'ROOM' ELSE t.dps END AS type,
       coalesce(u.dps, '') AS housing,
       coalesce(nullif(btrim(r.user_desc), ''), '') AS local_name,
       coalesce(nullif(btrim(r.comment_text), ''), '') AS comments,
       coalesce(r.list_seq, 0)::text AS sequence,
       coalesce(r.capacity, 0)::text AS max_capacity,
       coalesce(r.operation_capacity, 0)::text AS working_capacity,
       (r.certified_flag = 'Y')::text AS certified,
       coalesce(r.cna_no, 0)::text AS certified_capacity,
       coalesce(a.words, '') AS attributes,
       coalesce(g.words, '') AS usages,
       (r.active_flag = 'Y')::text AS active,
       CASE WHEN r.active_flag = 'Y' THEN '' ELSE coalesce(r.deactivate_date::date::text, '') END AS deactivated,
       CASE WHEN r.active_flag = 'Y' THEN '' ELSE coalesce(d.dps, 'OTHER') END AS reason,
       CASE WHEN r.active_flag = 'Y' THEN '' ELSE coalesce(r.reactivate_date::date::text, '') END AS proposed
  FROM agency_internal_locations r
  LEFT JOIN type_word t ON t.nomis = r.internal_location_type
  LEFT JOIN unit_word u ON u.nomis = r.unit_type
  LEFT JOIN reason_word d ON d.nomis = r.deactivate_reason_code
  LEFT JOIN attribute a ON a.id = r.internal_location_id
  LEFT JOIN usage g ON g.id = r.internal_location_id
 WHERE r.agy_loc_id NOT IN ('ZZGHI', 'UNKNWN', 'TRN', 'LT3', 'LT4', 'OUT')
