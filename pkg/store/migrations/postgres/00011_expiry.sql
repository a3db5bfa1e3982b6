-- +goose Up
-- Lots that ran out and were not seen to, in every account: a job looks for them where nobody else does.
CREATE INDEX lots_due ON lots (expires_at) WHERE expires_at IS NOT NULL AND ended_at IS NULL AND (remaining > 0 OR held > 0);

-- A sync may be wanted because points ran out.
ALTER TABLE syncs DROP CONSTRAINT syncs_cause;
ALTER TABLE syncs ADD CONSTRAINT syncs_cause CHECK (cause IN ('event', 'spend', 'order', 'change', 'operator', 'due', 'top_up', 'expiry'));

-- +goose Down
DELETE FROM syncs WHERE cause = 'expiry';
ALTER TABLE syncs DROP CONSTRAINT syncs_cause;
ALTER TABLE syncs ADD CONSTRAINT syncs_cause CHECK (cause IN ('event', 'spend', 'order', 'change', 'operator', 'due', 'top_up'));
DROP INDEX lots_due;
