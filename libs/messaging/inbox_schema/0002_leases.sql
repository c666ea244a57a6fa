-- Messages whose effect is elsewhere: claimed while a handler works, then done; and what its steps brought so far.
CREATE TABLE inbox_claim (
    consumer      text        NOT NULL,
    message_id    text        NOT NULL,
    body_hash     bytea       NOT NULL,
    told_at       timestamptz NOT NULL,
    owner         uuid        NOT NULL,
    claimed_until timestamptz NOT NULL,
    done          boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (consumer, message_id)
);
CREATE INDEX inbox_claim_told ON inbox_claim (told_at);

CREATE TABLE inbox_step (
    consumer   text  NOT NULL,
    message_id text  NOT NULL,
    name       text  NOT NULL,
    result     jsonb NOT NULL,
    PRIMARY KEY (consumer, message_id, name),
    FOREIGN KEY (consumer, message_id) REFERENCES inbox_claim ON DELETE CASCADE
);
