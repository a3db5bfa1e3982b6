-- +goose Up
-- When the charge of an automatic order that could not be charged is tried again; without a time, at once.
ALTER TABLE orders ADD COLUMN charge_after datetime;
ALTER TABLE syncs DROP CONSTRAINT syncs_cause;
ALTER TABLE syncs ADD CONSTRAINT syncs_cause CHECK (cause IN ('event', 'spend', 'order', 'change', 'operator', 'due', 'top_up'));

-- +goose Down
UPDATE syncs SET cause = 'event' WHERE cause = 'top_up';
ALTER TABLE syncs DROP CONSTRAINT syncs_cause;
ALTER TABLE syncs ADD CONSTRAINT syncs_cause CHECK (cause IN ('event', 'spend', 'order', 'change', 'operator', 'due'));
ALTER TABLE orders DROP COLUMN charge_after;
