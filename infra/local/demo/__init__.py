"""The main job, to watch: a generated estate is migrated; from then on a change on either side reaches the other."""
