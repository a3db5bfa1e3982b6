-- +goose Up
-- Which refresh token a refresh token came from: the one before is good a while longer, for whoever lost the answer, until one that
-- came from it was used.
ALTER TABLE refresh_tokens ADD COLUMN predecessor text;
CREATE INDEX refresh_tokens_predecessor ON refresh_tokens (predecessor) WHERE predecessor IS NOT NULL;

-- Webhooks that fitted none of our secrets: how many there were, and when the last one came.
ALTER TABLE event_walks ADD COLUMN refused bigint NOT NULL DEFAULT 0;
ALTER TABLE event_walks ADD COLUMN refused_at timestamptz;

-- +goose Down
ALTER TABLE event_walks DROP COLUMN refused_at;
ALTER TABLE event_walks DROP COLUMN refused;
DROP INDEX refresh_tokens_predecessor;
ALTER TABLE refresh_tokens DROP COLUMN predecessor;
