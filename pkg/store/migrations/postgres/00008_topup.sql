-- +goose Up
-- A customer's wish to buy a pack whenever the points run low. `due_at` only says when to look again: the rules are decided
-- under the account's lock, by its orders.
CREATE TABLE top_ups (
    account_id    text PRIMARY KEY REFERENCES accounts (id),
    status        text NOT NULL CONSTRAINT top_ups_status CHECK (status IN ('on', 'off', 'needs_attention')),
    reason        text NOT NULL,
    pack          text NOT NULL,
    quantity      bigint NOT NULL CONSTRAINT top_ups_quantity CHECK (quantity > 0),
    amount        bigint NOT NULL CONSTRAINT top_ups_amount CHECK (amount > 0),
    currency      text NOT NULL,
    threshold     bigint NOT NULL CONSTRAINT top_ups_threshold CHECK (threshold > 0),
    monthly_limit bigint NOT NULL CONSTRAINT top_ups_monthly_limit CHECK (monthly_limit > 0),
    declines      bigint NOT NULL CONSTRAINT top_ups_declines CHECK (declines >= 0),
    due_at        timestamptz NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    CONSTRAINT top_ups_reason CHECK ((status = 'needs_attention') = (reason <> ''))
);
CREATE INDEX top_ups_due ON top_ups (due_at) WHERE status = 'on';

-- An automatic order has no page: a saved payment method is charged.
ALTER TABLE orders ADD COLUMN automatic boolean NOT NULL DEFAULT false;
ALTER TABLE orders ADD COLUMN decline_code text NOT NULL DEFAULT '';
ALTER TABLE orders ADD CONSTRAINT orders_automatic CHECK (NOT automatic OR kind = 'pack' AND checkout_id IS NULL);
-- One at a time: whatever else fails, no account is charged for a second while one is open.
CREATE UNIQUE INDEX orders_automatic_open ON orders (account_id) WHERE automatic AND status IN ('pending', 'paid');
CREATE INDEX orders_automatic_made ON orders (account_id, created_at) WHERE automatic;
CREATE INDEX orders_uncharged ON orders (id) WHERE automatic AND status = 'pending' AND payment_intent_id IS NULL;

-- +goose Down
DROP INDEX orders_uncharged;
DROP INDEX orders_automatic_made;
DROP INDEX orders_automatic_open;
ALTER TABLE orders DROP CONSTRAINT orders_automatic;
ALTER TABLE orders DROP COLUMN decline_code;
ALTER TABLE orders DROP COLUMN automatic;
DROP TABLE top_ups;
