-- +goose Up
-- How few points are low to this customer; null leaves it to the operator's setting.
ALTER TABLE accounts ADD COLUMN low_points integer CONSTRAINT accounts_low_points CHECK (low_points >= 0);

-- The operator's own endpoints. `types` is a list between commas; `*` is all. One job at a time delivers to each: `busy_until`.
CREATE TABLE webhooks (
    id           text PRIMARY KEY,
    url          text NOT NULL,
    types        text NOT NULL,
    secret       text NOT NULL,
    old_secret   text NOT NULL,
    old_until    datetime,
    round        integer NOT NULL,
    busy_until   datetime NOT NULL,
    delivered    integer NOT NULL,
    failed       integer NOT NULL,
    created_at   datetime NOT NULL,
    disabled_at  datetime,
    disabled_why text NOT NULL,
    CONSTRAINT webhooks_old_secret CHECK ((old_secret = '') = (old_until IS NULL)),
    CONSTRAINT webhooks_disabled CHECK ((disabled_why = '') = (disabled_at IS NULL))
);

-- Outgoing events, a row for each endpoint that is told. They do not reference the endpoint: each insert would lock its row, which
-- all accounts share.
CREATE TABLE deliveries (
    webhook_id   text NOT NULL,
    id           text NOT NULL,
    account_id   text REFERENCES accounts (id),
    type         text NOT NULL,
    body         text NOT NULL,
    status       text NOT NULL CONSTRAINT deliveries_status CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts     integer NOT NULL CONSTRAINT deliveries_attempts CHECK (attempts >= 0),
    next_at      datetime NOT NULL,
    last_status  integer NOT NULL,
    last_error   text NOT NULL,
    created_at   datetime NOT NULL,
    tried_at     datetime,
    delivered_at datetime,
    PRIMARY KEY (webhook_id, id),
    CONSTRAINT deliveries_delivered CHECK (status <> 'delivered' OR delivered_at IS NOT NULL)
);
CREATE INDEX deliveries_due ON deliveries (webhook_id, next_at, id) WHERE status = 'pending';
CREATE INDEX deliveries_account_id ON deliveries (account_id, created_at);
CREATE INDEX deliveries_created_at ON deliveries (created_at);

-- +goose Down
DROP TABLE deliveries;
DROP TABLE webhooks;
ALTER TABLE accounts DROP COLUMN low_points;
