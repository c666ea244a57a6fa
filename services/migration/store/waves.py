"""How items get their waves, parents first and prison by prison, and how waves are cut into pages."""

# Real hierarchies are four deep; a circle is found by this bound and fails for want of a parent.
DEPTH_MAX = 50

WAVES = """
    WITH RECURSIVE depth AS (
        SELECT i.nomis_id, 0 AS wave FROM migration_item i
         WHERE i.migration_id = $1
           AND (i.parent_nomis_id IS NULL OR NOT EXISTS (
                SELECT FROM migration_item p
                 WHERE p.migration_id = $1 AND p.nomis_id = i.parent_nomis_id))
        UNION ALL
        SELECT i.nomis_id, d.wave + 1 FROM depth d
          JOIN migration_item i ON i.migration_id = $1 AND i.parent_nomis_id = d.nomis_id
         WHERE d.wave < $2::integer),
    placed AS (
        SELECT d.nomis_id, d.wave + coalesce(array_position(h.prisons, i.prison_id::text) - 1, 0) * ($2 + 1) AS wave
          FROM depth d
          JOIN migration_item i ON i.migration_id = $1 AND i.nomis_id = d.nomis_id AND i.state = 'pending'
          JOIN migration_history h ON h.migration_id = $1)
    UPDATE migration_item i SET wave = p.wave
      FROM placed p WHERE i.migration_id = $1 AND i.nomis_id = p.nomis_id AND i.wave <> p.wave
"""
# All waves beyond those that have pages, or one more of what is pending whatever its wave.
CUT = """
    INSERT INTO migration_page (migration_id, page, wave, leased_until, nomis_ids)
    SELECT $1, last.page + row_number() OVER (ORDER BY p.wave, p.part), p.wave, coalesce($3::timestamptz, '-infinity'),
           p.ids
      FROM (SELECT coalesce(max(page), -1) AS page, coalesce(max(wave), -1) AS wave
              FROM migration_page WHERE migration_id = $1) last,
           LATERAL (SELECT n.wave, (n.number - 1) / $2 AS part, array_agg(n.nomis_id ORDER BY n.nomis_id) AS ids
                      FROM (SELECT nomis_id, w.wave, row_number() OVER (PARTITION BY w.wave ORDER BY nomis_id) AS number
                              FROM migration_item i,
                                   LATERAL (SELECT CASE WHEN $4 THEN last.wave + 1 ELSE i.wave END) w (wave)
                             WHERE i.migration_id = $1 AND i.state = 'pending' AND w.wave > last.wave) n
                     GROUP BY n.wave, part) p
"""
