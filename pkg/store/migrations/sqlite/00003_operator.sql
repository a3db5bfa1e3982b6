-- +goose Up
-- What an account may do beside using the product. A token never says it: who asks, looks at the row.
ALTER TABLE accounts ADD COLUMN role text NOT NULL DEFAULT 'user' CONSTRAINT accounts_role CHECK (role IN ('user', 'admin'));

-- An admin's correction takes points away, as a spend does, but is none.
ALTER TABLE entries DROP CONSTRAINT entries_kind;
ALTER TABLE entries ADD CONSTRAINT entries_kind CHECK (kind IN ('grant', 'spend', 'expire', 'clawback', 'correction'));

-- What people with power over an account did to it. The keys are a namespace of their own beside the customer's.
CREATE TABLE admin_actions (
    id              text PRIMARY KEY,
    account_id      text NOT NULL REFERENCES accounts (id),
    admin_id        text REFERENCES accounts (id),
    action          text NOT NULL CONSTRAINT admin_actions_action CHECK (action IN ('grant', 'correction', 'role')),
    entry_id        text REFERENCES entries (id),
    reason          text NOT NULL,
    idempotency_key text,
    request_hash    text NOT NULL,
    created_at      datetime NOT NULL,
    CONSTRAINT admin_actions_entry CHECK ((action = 'role') = (entry_id IS NULL))
);
CREATE UNIQUE INDEX admin_actions_idempotency_key ON admin_actions (account_id, idempotency_key);

-- The syncs of the last weeks: who wanted to know, and what came of it.
CREATE TABLE syncs (
    account_id text NOT NULL REFERENCES accounts (id),
    ticket     integer NOT NULL,
    cause      text NOT NULL CONSTRAINT syncs_cause CHECK (cause IN ('event', 'spend', 'order', 'operator')),
    began_at   datetime NOT NULL,
    ended_at   datetime,
    outcome    text CONSTRAINT syncs_outcome CHECK (outcome IN ('applied', 'outrun', 'failed')),
    detail     text NOT NULL,
    version    integer,
    PRIMARY KEY (account_id, ticket),
    CONSTRAINT syncs_ended CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX syncs_began_at ON syncs (began_at);

-- How far the walks over all accounts have come, so that any replica goes on where another one stopped.
CREATE TABLE audit_runs (
    kind          text PRIMARY KEY CONSTRAINT audit_runs_kind CHECK (kind IN ('audit', 'drift')),
    began_at      datetime,
    cursor_id     text NOT NULL,
    accounts      integer NOT NULL,
    findings      integer NOT NULL,
    ended_at      datetime,
    last_ended_at datetime,
    last_findings integer NOT NULL
);
INSERT INTO audit_runs (kind, cursor_id, accounts, findings, last_findings) VALUES ('audit', '', 0, 0, 0), ('drift', '', 0, 0, 0);

-- An operator looks at all events of an account, not at the pending ones alone.
CREATE INDEX inbox_events_account_id ON inbox_events (account_id, received_at);

-- The comparison with Stripe looks at all lots of an account, not at those with points left alone.
CREATE INDEX lots_account_id ON lots (account_id, id);

-- +goose Down
DROP INDEX lots_account_id;
DROP INDEX inbox_events_account_id;
DROP TABLE audit_runs;
DROP TABLE syncs;
DROP TABLE admin_actions;
ALTER TABLE entries DROP CONSTRAINT entries_kind;
ALTER TABLE entries ADD CONSTRAINT entries_kind CHECK (kind IN ('grant', 'spend', 'expire', 'clawback'));
ALTER TABLE accounts DROP COLUMN role;
