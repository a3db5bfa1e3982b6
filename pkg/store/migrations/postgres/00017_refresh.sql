-- +goose Up
-- Which refresh token a refresh token came from: the one before is good a while longer, for whoever lost the answer, until one that
-- came from it was used.
ALTER TABLE refresh_tokens ADD COLUMN predecessor text;
CREATE INDEX refresh_tokens_predecessor ON refresh_tokens (predecessor) WHERE predecessor IS NOT NULL;

-- +goose Down
DROP INDEX refresh_tokens_predecessor;
ALTER TABLE refresh_tokens DROP COLUMN predecessor;
