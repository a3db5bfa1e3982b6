-- +goose Up
-- Why a top-up waits for its customer is one of these.
ALTER TABLE top_ups DROP CONSTRAINT top_ups_reason;
ALTER TABLE top_ups ADD CONSTRAINT top_ups_reason CHECK ((status = 'needs_attention') = (reason <> '') AND reason IN ('', 'declined',
    'authentication_required', 'no_payment_method', 'price_changed', 'pack_gone', 'disputed', 'refunded'));

-- What of a charge was with its payer again when a sync last saw it: a top-up stops for what is new.
CREATE TABLE returned_charges (
    account_id text NOT NULL REFERENCES accounts (id),
    charge_id  text NOT NULL,
    refunded   bigint NOT NULL CONSTRAINT returned_charges_refunded CHECK (refunded >= 0),
    disputed   bigint NOT NULL CONSTRAINT returned_charges_disputed CHECK (disputed >= 0),
    seen_at    timestamptz NOT NULL,
    PRIMARY KEY (account_id, charge_id)
);

-- Customers that an account had at Stripe before: their events still find the account.
CREATE TABLE former_customers (
    customer_id text PRIMARY KEY,
    account_id  text NOT NULL REFERENCES accounts (id),
    reason      text NOT NULL CONSTRAINT former_customers_reason CHECK (reason IN ('deleted', 'unlinked')),
    ended_at    timestamptz NOT NULL
);
CREATE INDEX former_customers_account_id ON former_customers (account_id);

-- The Stripe account that the customers of this database belong to: one row, written by the first server.
CREATE TABLE stripe_links (
    kind       text PRIMARY KEY CONSTRAINT stripe_links_one CHECK (kind = 'stripe'),
    account_id text NOT NULL,
    livemode   boolean NOT NULL,
    linked_at  timestamptz NOT NULL
);

-- +goose Down
DROP TABLE stripe_links;
DROP TABLE former_customers;
DROP TABLE returned_charges;
UPDATE top_ups SET reason = 'declined' WHERE reason IN ('disputed', 'refunded');
ALTER TABLE top_ups DROP CONSTRAINT top_ups_reason;
ALTER TABLE top_ups ADD CONSTRAINT top_ups_reason CHECK ((status = 'needs_attention') = (reason <> ''));
