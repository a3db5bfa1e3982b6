-- +goose Up
-- When a subscription ends, however that was set, and whether the collection of its invoices is paused.
ALTER TABLE accounts ADD COLUMN sub_ends_at timestamptz;
ALTER TABLE accounts ADD COLUMN sub_paused boolean NOT NULL DEFAULT false;
ALTER TABLE accounts ADD COLUMN sub_paused_until timestamptz;
ALTER TABLE accounts ADD CONSTRAINT accounts_sub_paused CHECK (sub_paused OR sub_paused_until IS NULL);

-- A trial is for an account's first subscription, once: not taken back when that ends, nor when its customer is deleted at Stripe.
ALTER TABLE accounts ADD COLUMN trial_used_at timestamptz;
UPDATE accounts SET trial_used_at = created_at WHERE sub_status IS NOT NULL AND sub_status NOT IN ('incomplete', 'incomplete_expired');

-- Changes that Stripe has made and that are not paid yet, and when a job looks at a change that is not decided.
ALTER TABLE subscription_changes ADD COLUMN look_at timestamptz;
UPDATE subscription_changes SET look_at = lease_until WHERE status IN ('pending', 'unpaid');
ALTER TABLE subscription_changes DROP CONSTRAINT subscription_changes_status;
ALTER TABLE subscription_changes ADD CONSTRAINT subscription_changes_status
    CHECK (status IN ('pending', 'done', 'unpaid', 'processing', 'invoiced', 'failed'));
ALTER TABLE subscription_changes DROP CONSTRAINT subscription_changes_unpaid;
ALTER TABLE subscription_changes ADD CONSTRAINT subscription_changes_unpaid
    CHECK (status NOT IN ('unpaid', 'processing', 'invoiced') OR invoice_id IS NOT NULL);
ALTER TABLE subscription_changes ADD CONSTRAINT subscription_changes_look_at
    CHECK ((look_at IS NULL) = (status IN ('done', 'failed')));
CREATE INDEX subscription_changes_look_at ON subscription_changes (look_at) WHERE look_at IS NOT NULL;

-- +goose Down
DROP INDEX subscription_changes_look_at;
ALTER TABLE subscription_changes DROP CONSTRAINT subscription_changes_look_at;
UPDATE subscription_changes SET status = 'unpaid' WHERE status IN ('processing', 'invoiced');
ALTER TABLE subscription_changes DROP CONSTRAINT subscription_changes_unpaid;
ALTER TABLE subscription_changes ADD CONSTRAINT subscription_changes_unpaid CHECK (status <> 'unpaid' OR invoice_id IS NOT NULL);
ALTER TABLE subscription_changes DROP CONSTRAINT subscription_changes_status;
ALTER TABLE subscription_changes ADD CONSTRAINT subscription_changes_status CHECK (status IN ('pending', 'done', 'unpaid', 'failed'));
ALTER TABLE subscription_changes DROP COLUMN look_at;
ALTER TABLE accounts DROP COLUMN trial_used_at;
ALTER TABLE accounts DROP CONSTRAINT accounts_sub_paused;
ALTER TABLE accounts DROP COLUMN sub_paused_until;
ALTER TABLE accounts DROP COLUMN sub_paused;
ALTER TABLE accounts DROP COLUMN sub_ends_at;
