-- Messages that committed with the change they tell of. A row is claimed by nobody: one relay at a time leads.
CREATE TABLE outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id     uuid        NOT NULL,
    topic        text        NOT NULL,
    key          text        NOT NULL,
    event_type   text        NOT NULL,
    body         text        NOT NULL,
    attributes   jsonb       NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now(),
    attempts     integer     NOT NULL DEFAULT 0,
    published_at timestamptz
);
CREATE INDEX outbox_waiting ON outbox (id) WHERE published_at IS NULL;
CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;

-- What the broker will never take; its key's later messages flow on or wait by policy.
CREATE TABLE outbox_dead (
    id         bigint PRIMARY KEY,
    event_id   uuid        NOT NULL,
    topic      text        NOT NULL,
    key        text        NOT NULL,
    event_type text        NOT NULL,
    body       text        NOT NULL,
    attributes jsonb       NOT NULL,
    created_at timestamptz NOT NULL,
    reason     text        NOT NULL,
    died_at    timestamptz NOT NULL DEFAULT now()
);

-- The making of each topic that the rows above were published to: one that was made anew gets what is kept once more.
CREATE TABLE outbox_topic (
    topic      text PRIMARY KEY,
    generation text NOT NULL
);
