-- +goose Up
-- How often an account's requests may still ask Stripe, one row for each kind of request: `whole_at` is when the budget is whole again.
-- It is in the database, so that all replicas count together.
CREATE TABLE request_budgets (
    account_id text NOT NULL REFERENCES accounts (id),
    kind       text NOT NULL CONSTRAINT request_budgets_kind CHECK (kind IN ('checkout', 'promotion_code', 'portal', 'top_up', 'subscription')),
    whole_at   timestamptz NOT NULL,
    PRIMARY KEY (account_id, kind)
);

-- +goose Down
DROP TABLE request_budgets;
