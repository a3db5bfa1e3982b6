-- +goose Up
-- Seats, and what the subscription will be from a time on. A row from before does not know its seats: the next sync tells.
ALTER TABLE accounts ADD COLUMN sub_quantity bigint CONSTRAINT accounts_sub_quantity CHECK (sub_quantity >= 0);
ALTER TABLE accounts ADD COLUMN sub_next_plan text;
ALTER TABLE accounts ADD COLUMN sub_next_quantity bigint;
ALTER TABLE accounts ADD COLUMN sub_next_at timestamptz;
ALTER TABLE accounts ADD CONSTRAINT accounts_sub_next
    CHECK ((sub_next_plan IS NULL) = (sub_next_at IS NULL) AND (sub_next_plan IS NULL) = (sub_next_quantity IS NULL));

-- What customers asked for their subscriptions. A row is written before Stripe is asked, and what Stripe will be asked stands in it.
CREATE TABLE subscription_changes (
    id              text PRIMARY KEY,
    account_id      text NOT NULL REFERENCES accounts (id),
    kind            text NOT NULL CONSTRAINT subscription_changes_kind CHECK (kind IN ('change', 'cancel', 'resume')),
    plan            text NOT NULL,
    quantity        bigint NOT NULL CONSTRAINT subscription_changes_quantity CHECK (quantity >= 0),
    idempotency_key text,
    request_hash    text NOT NULL,
    status          text NOT NULL CONSTRAINT subscription_changes_status CHECK (status IN ('pending', 'done', 'unpaid', 'failed')),
    steps           text NOT NULL,
    invoice_id      text,
    payment_url     text NOT NULL,
    problem         text NOT NULL,
    detail          text NOT NULL,
    lease_until     timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    CONSTRAINT subscription_changes_unpaid CHECK (status <> 'unpaid' OR invoice_id IS NOT NULL),
    CONSTRAINT subscription_changes_ended CHECK ((status = 'pending') = (ended_at IS NULL))
);
CREATE UNIQUE INDEX subscription_changes_idempotency_key ON subscription_changes (account_id, idempotency_key);
CREATE INDEX subscription_changes_account_id ON subscription_changes (account_id, created_at);
-- Of an account one change at a time.
CREATE UNIQUE INDEX subscription_changes_pending ON subscription_changes (account_id) WHERE status = 'pending';

ALTER TABLE syncs DROP CONSTRAINT syncs_cause;
ALTER TABLE syncs ADD CONSTRAINT syncs_cause CHECK (cause IN ('event', 'spend', 'order', 'change', 'operator'));

-- +goose Down
UPDATE syncs SET cause = 'order' WHERE cause = 'change';
ALTER TABLE syncs DROP CONSTRAINT syncs_cause;
ALTER TABLE syncs ADD CONSTRAINT syncs_cause CHECK (cause IN ('event', 'spend', 'order', 'operator'));
DROP TABLE subscription_changes;
ALTER TABLE accounts DROP CONSTRAINT accounts_sub_next;
ALTER TABLE accounts DROP COLUMN sub_next_at;
ALTER TABLE accounts DROP COLUMN sub_next_quantity;
ALTER TABLE accounts DROP COLUMN sub_next_plan;
ALTER TABLE accounts DROP COLUMN sub_quantity;
