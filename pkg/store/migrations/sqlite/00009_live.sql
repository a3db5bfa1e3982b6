-- +goose Up
-- When the sweeper last asked Stripe whose an event is, so that replicas which sweep at once do not all ask.
ALTER TABLE inbox_events ADD COLUMN tried_at datetime;

-- How far the walk over Stripe's own list of events has come. There is one, so there is one row.
CREATE TABLE event_walks (
    kind       text PRIMARY KEY CONSTRAINT event_walks_kind CHECK (kind = 'backfill'),
    seen_until datetime,
    walk_since datetime,
    walk_until datetime,
    walk_after text NOT NULL,
    looked_at  datetime,
    found      integer NOT NULL,
    CONSTRAINT event_walks_walk CHECK ((walk_since IS NULL) = (walk_until IS NULL))
);
INSERT INTO event_walks (kind, walk_after, found) VALUES ('backfill', '', 0);

-- +goose Down
DROP TABLE event_walks;
ALTER TABLE inbox_events DROP COLUMN tried_at;
