-- Messages whose effect is in this database: a row commits with the effect, or not at all.
CREATE TABLE inbox (
    consumer   text        NOT NULL,
    message_id text        NOT NULL,
    body_hash  bytea       NOT NULL,
    told_at    timestamptz NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, message_id)
);
CREATE INDEX inbox_told ON inbox (told_at);
