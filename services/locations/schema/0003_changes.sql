-- The order in which changes are told at /locations/changes: by the transaction that made them (ADR 0014). A row moves to
-- the end with each change; a reader is shown what is older than every transaction still open.
ALTER TABLE location ADD COLUMN changed_in xid8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE tombstone ADD COLUMN changed_in xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX location_changed_in ON location (changed_in, id);
CREATE INDEX tombstone_changed_in ON tombstone (changed_in, location_id);

CREATE FUNCTION note_changed_in() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_in := pg_current_xact_id();
    RETURN NEW;
END
$$;
CREATE TRIGGER location_note_changed_in BEFORE UPDATE ON location
    FOR EACH ROW EXECUTE FUNCTION note_changed_in();

-- Transactions are numbered anew where the tables are restored elsewhere: cursors of an earlier epoch end there.
CREATE TABLE change_epoch (
    epoch integer NOT NULL,
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one)
);
INSERT INTO change_epoch VALUES (1);
