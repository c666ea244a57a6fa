-- A page names its locations itself, and all waves are cut at once: an item is written when it is listed and when it is
-- decided, and not between. Nothing that changes is indexed and rows have room to grow, so that deciding an item writes
-- no index either. `migration_item.page` is no longer read or written; it goes once no release knows it.
ALTER TABLE migration_page ADD COLUMN nomis_ids bigint[] NOT NULL DEFAULT '{}';
UPDATE migration_page p SET nomis_ids = i.ids
  FROM (SELECT migration_id, page, array_agg(nomis_id ORDER BY nomis_id) AS ids
          FROM migration_item WHERE page IS NOT NULL GROUP BY 1, 2) i
 WHERE i.migration_id = p.migration_id AND i.page = p.page AND NOT p.done;
DROP INDEX migration_item_page;
DROP INDEX migration_item_failed;
ALTER TABLE migration_item SET (fillfactor = 45);
