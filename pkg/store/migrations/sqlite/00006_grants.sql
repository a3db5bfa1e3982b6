-- +goose Up
-- A parked account: more would be granted in a day than the operator's bounds allow, so its grants wait for a person.
ALTER TABLE accounts ADD COLUMN parked_at datetime;
ALTER TABLE accounts ADD COLUMN parked_reason text NOT NULL DEFAULT '';
ALTER TABLE accounts ADD CONSTRAINT accounts_parked CHECK ((parked_at IS NULL) = (parked_reason = ''));
ALTER TABLE accounts ADD COLUMN unparked_at datetime;
-- A person let the grants through: the next sync makes them, however many.
ALTER TABLE accounts ADD COLUMN grants_approved boolean NOT NULL DEFAULT false;
CREATE INDEX accounts_parked_at ON accounts (id) WHERE parked_at IS NOT NULL;

-- When the next points fall due that are paid for already. A sync grants them, which a job asks for.
ALTER TABLE accounts ADD COLUMN next_grant_at datetime;
CREATE INDEX accounts_next_grant_at ON accounts (next_grant_at) WHERE next_grant_at IS NOT NULL;

ALTER TABLE syncs DROP CONSTRAINT syncs_cause;
ALTER TABLE syncs ADD CONSTRAINT syncs_cause CHECK (cause IN ('event', 'spend', 'order', 'change', 'operator', 'due'));

ALTER TABLE admin_actions DROP CONSTRAINT admin_actions_action;
ALTER TABLE admin_actions ADD CONSTRAINT admin_actions_action CHECK (action IN ('grant', 'correction', 'role', 'unpark'));
ALTER TABLE admin_actions DROP CONSTRAINT admin_actions_entry;
ALTER TABLE admin_actions ADD CONSTRAINT admin_actions_entry CHECK ((action IN ('role', 'unpark')) = (entry_id IS NULL));

-- +goose Down
DELETE FROM admin_actions WHERE action = 'unpark';
ALTER TABLE admin_actions DROP CONSTRAINT admin_actions_entry;
ALTER TABLE admin_actions ADD CONSTRAINT admin_actions_entry CHECK ((action = 'role') = (entry_id IS NULL));
ALTER TABLE admin_actions DROP CONSTRAINT admin_actions_action;
ALTER TABLE admin_actions ADD CONSTRAINT admin_actions_action CHECK (action IN ('grant', 'correction', 'role'));
DELETE FROM syncs WHERE cause = 'due';
ALTER TABLE syncs DROP CONSTRAINT syncs_cause;
ALTER TABLE syncs ADD CONSTRAINT syncs_cause CHECK (cause IN ('event', 'spend', 'order', 'change', 'operator'));
DROP INDEX accounts_next_grant_at;
ALTER TABLE accounts DROP COLUMN next_grant_at;
DROP INDEX accounts_parked_at;
ALTER TABLE accounts DROP CONSTRAINT accounts_parked;
ALTER TABLE accounts DROP COLUMN grants_approved;
ALTER TABLE accounts DROP COLUMN unparked_at;
ALTER TABLE accounts DROP COLUMN parked_reason;
ALTER TABLE accounts DROP COLUMN parked_at;
