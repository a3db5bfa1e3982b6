-- +goose Up
-- A lot of a subscription belongs to a period: the one that it lives in now, and when the one began that it was granted for.
ALTER TABLE lots ADD COLUMN period_start datetime;
ALTER TABLE lots ADD COLUMN period_end datetime;
ALTER TABLE lots ADD COLUMN period_inner boolean NOT NULL DEFAULT false;
ALTER TABLE lots ADD COLUMN period_origin datetime;
ALTER TABLE lots ADD CONSTRAINT lots_period CHECK ((period_start IS NULL) = (period_end IS NULL) AND (period_start IS NULL) = (period_origin IS NULL)
    AND (period_start IS NOT NULL OR NOT period_inner));

-- In which period a part of a hold was taken: it crosses those that begin later when it comes back.
ALTER TABLE hold_parts ADD COLUMN since datetime;

-- Each period that a paid invoice began: how many points of earlier ones may live on in it, and how many it has carried over.
CREATE TABLE periods (
    account_id   text NOT NULL REFERENCES accounts (id),
    source       text NOT NULL,
    starts_at    datetime NOT NULL,
    ends_at      datetime NOT NULL,
    period_inner boolean NOT NULL,
    expires_at   datetime,
    rollover     integer NOT NULL,
    carried      integer NOT NULL,
    PRIMARY KEY (account_id, source, starts_at),
    CONSTRAINT periods_carried CHECK (carried >= 0 AND carried <= rollover)
);

-- +goose Down
DROP TABLE periods;
ALTER TABLE hold_parts DROP COLUMN since;
ALTER TABLE lots DROP CONSTRAINT lots_period;
ALTER TABLE lots DROP COLUMN period_origin;
ALTER TABLE lots DROP COLUMN period_inner;
ALTER TABLE lots DROP COLUMN period_end;
ALTER TABLE lots DROP COLUMN period_start;
