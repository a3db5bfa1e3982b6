-- +goose Up
-- Points set aside: a hold keeps them until they are captured or released, or its time is over.
CREATE TABLE holds (
    id          text PRIMARY KEY,
    account_id  text NOT NULL REFERENCES accounts (id),
    amount      integer NOT NULL CONSTRAINT holds_amount CHECK (amount > 0),
    captured    integer NOT NULL,
    status      text NOT NULL CONSTRAINT holds_status CHECK (status IN ('active', 'captured', 'released', 'expired')),
    description text NOT NULL,
    metadata    text NOT NULL,
    expires_at  datetime NOT NULL,
    created_at  datetime NOT NULL,
    ended_at    datetime,
    CONSTRAINT holds_captured CHECK (CASE status WHEN 'captured' THEN captured > 0 AND captured <= amount ELSE captured = 0 END),
    CONSTRAINT holds_ended CHECK ((status = 'active') = (ended_at IS NULL))
);
CREATE INDEX holds_account_id ON holds (account_id, id);
CREATE INDEX holds_active ON holds (account_id, expires_at) WHERE status = 'active';
CREATE INDEX holds_due ON holds (expires_at) WHERE status = 'active';

-- Which lots a hold's points came from. What is not captured goes back to them.
CREATE TABLE hold_parts (
    hold_id text NOT NULL REFERENCES holds (id),
    lot_id  text NOT NULL REFERENCES lots (id),
    points  integer NOT NULL CONSTRAINT hold_parts_points CHECK (points > 0),
    PRIMARY KEY (hold_id, lot_id)
);

-- A lot's points are left, or held, or gone. To a lot that has ended nothing comes back: what a hold returns expires at once.
ALTER TABLE lots ADD COLUMN held integer NOT NULL DEFAULT 0
    CONSTRAINT lots_held CHECK (held >= 0 AND remaining + held <= granted);
ALTER TABLE lots ADD COLUMN ended_at datetime;
DROP INDEX lots_left;
CREATE INDEX lots_left ON lots (account_id) WHERE remaining > 0 OR held > 0;
-- Of what was clawed back, how much the lot itself had. The rest came from elsewhere, and goes elsewhere when it is restored.
ALTER TABLE lots ADD COLUMN clawed_own integer NOT NULL DEFAULT 0
    CONSTRAINT lots_clawed_own CHECK (clawed_own >= 0 AND clawed_own <= clawed_back);
-- How much of a lot expired unused: a refund that comes later finds it gone, and makes no debt of it.
ALTER TABLE lots ADD COLUMN expired integer NOT NULL DEFAULT 0
    CONSTRAINT lots_expired CHECK (expired >= 0 AND expired <= granted);

-- An entry moves `amount` into or out of the account, and `held` of it into or out of a hold.
ALTER TABLE entries ADD COLUMN held integer NOT NULL DEFAULT 0;
ALTER TABLE entries ADD COLUMN hold_id text CONSTRAINT entries_hold_id_fkey REFERENCES holds (id);
ALTER TABLE entries DROP CONSTRAINT entries_kind;
ALTER TABLE entries ADD CONSTRAINT entries_kind CHECK (kind IN
    ('grant', 'spend', 'expire', 'clawback', 'correction', 'hold', 'capture', 'release', 'rollover', 'restore'));
ALTER TABLE entries DROP CONSTRAINT entries_sign;
ALTER TABLE entries ADD CONSTRAINT entries_sign CHECK (CASE
    WHEN kind = 'grant' THEN amount >= 0
    WHEN kind = 'restore' THEN amount > 0
    WHEN kind IN ('hold', 'release', 'rollover') THEN amount = 0
    ELSE amount < 0 END);
ALTER TABLE entries ADD CONSTRAINT entries_held CHECK (CASE kind
    WHEN 'hold' THEN held > 0
    WHEN 'capture' THEN held <= amount
    WHEN 'release' THEN held < 0
    ELSE held = 0 END);
ALTER TABLE entries ADD CONSTRAINT entries_hold CHECK ((kind IN ('hold', 'capture', 'release')) = (hold_id IS NOT NULL));

-- +goose Down
-- Possible only while the history has none of the new kinds: it has no place in the older schema.
ALTER TABLE entries DROP CONSTRAINT entries_hold;
ALTER TABLE entries DROP CONSTRAINT entries_held;
ALTER TABLE entries DROP CONSTRAINT entries_sign;
ALTER TABLE entries ADD CONSTRAINT entries_sign CHECK (CASE kind WHEN 'grant' THEN amount >= 0 ELSE amount < 0 END);
ALTER TABLE entries DROP CONSTRAINT entries_kind;
ALTER TABLE entries ADD CONSTRAINT entries_kind CHECK (kind IN ('grant', 'spend', 'expire', 'clawback', 'correction'));
ALTER TABLE entries DROP COLUMN hold_id;
ALTER TABLE entries DROP COLUMN held;
DROP INDEX lots_left;
CREATE INDEX lots_left ON lots (account_id) WHERE remaining > 0;
ALTER TABLE lots DROP COLUMN expired;
ALTER TABLE lots DROP COLUMN clawed_own;
ALTER TABLE lots DROP COLUMN ended_at;
ALTER TABLE lots DROP COLUMN held;
DROP TABLE hold_parts;
DROP TABLE holds;
