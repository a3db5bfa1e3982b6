-- +goose Up
-- What one top-up brings, as the customer agreed to it. A top-up from before this was noted has 0: it asks its customer again.
ALTER TABLE top_ups ADD COLUMN points bigint NOT NULL DEFAULT 0;
ALTER TABLE top_ups ADD CONSTRAINT top_ups_points CHECK (points >= 0);

-- +goose Down
ALTER TABLE top_ups DROP CONSTRAINT top_ups_points;
ALTER TABLE top_ups DROP COLUMN points;
