-- +goose Up
-- How far the walks over all accounts have come, so that any replica goes on where another one stopped.
CREATE TABLE audit_runs (
    kind          text PRIMARY KEY CONSTRAINT audit_runs_kind CHECK (kind IN ('audit', 'drift')),
    began_at      timestamptz,
    cursor_id     text NOT NULL,
    accounts      bigint NOT NULL,
    findings      bigint NOT NULL,
    ended_at      timestamptz,
    last_ended_at timestamptz,
    last_findings bigint NOT NULL
);
INSERT INTO audit_runs (kind, cursor_id, accounts, findings, last_findings) VALUES ('audit', '', 0, 0, 0), ('drift', '', 0, 0, 0);

-- An operator looks at all events of an account, not at the pending ones alone.
CREATE INDEX inbox_events_account_id ON inbox_events (account_id, received_at);

-- +goose Down
DROP INDEX inbox_events_account_id;
DROP TABLE audit_runs;
