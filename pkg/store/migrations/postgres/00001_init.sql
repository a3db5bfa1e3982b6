-- +goose Up
-- One row per user. It alone decides what may be spent; most updates touch no index, so leave room on the page.
CREATE TABLE accounts (
    id                   text PRIMARY KEY,
    email                text NOT NULL,
    password_hash        text NOT NULL,
    customer_id          text,
    available            bigint NOT NULL CONSTRAINT accounts_available CHECK (available >= 0),
    held                 bigint NOT NULL CONSTRAINT accounts_held CHECK (held >= 0),
    debt                 bigint NOT NULL CONSTRAINT accounts_debt CHECK (debt >= 0 AND (debt = 0 OR available = 0)),
    unsettled            bigint NOT NULL CONSTRAINT accounts_unsettled CHECK (unsettled >= 0),
    next_expiry          timestamptz,
    version              bigint NOT NULL,
    sub_id               text,
    sub_plan             text NOT NULL,
    sub_status           text CONSTRAINT accounts_sub_status CHECK (sub_status IN
        ('incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due', 'canceled', 'unpaid', 'paused')),
    sub_period_start     timestamptz,
    sub_period_end       timestamptz,
    sub_cancels          boolean NOT NULL,
    window_from          timestamptz,
    window_until         timestamptz,
    ticket_issued        bigint NOT NULL,
    ticket_applied       bigint NOT NULL,
    budget_at            timestamptz NOT NULL,
    invoices_since       timestamptz,
    last_synced_at       timestamptz,
    created_at           timestamptz NOT NULL,
    CONSTRAINT accounts_tickets CHECK (ticket_applied <= ticket_issued),
    CONSTRAINT accounts_window CHECK ((window_from IS NULL) = (window_until IS NULL)),
    CONSTRAINT accounts_sub CHECK ((sub_id IS NULL) = (sub_status IS NULL))
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX accounts_email_key ON accounts (email);
CREATE UNIQUE INDEX accounts_customer_id_key ON accounts (customer_id);

CREATE TABLE orders (
    id                text PRIMARY KEY,
    account_id        text NOT NULL REFERENCES accounts (id),
    item              text NOT NULL,
    kind              text NOT NULL CONSTRAINT orders_kind CHECK (kind IN ('plan', 'pack')),
    quantity          bigint NOT NULL CONSTRAINT orders_quantity CHECK (quantity > 0),
    points            bigint NOT NULL CONSTRAINT orders_points CHECK (points >= 0),
    amount            bigint NOT NULL CONSTRAINT orders_amount CHECK (amount >= 0),
    currency          text NOT NULL,
    status            text NOT NULL CONSTRAINT orders_status CHECK (status IN
        ('pending', 'paid', 'fulfilled', 'expired', 'failed', 'refunded')),
    checkout_id       text,
    url               text NOT NULL,
    payment_intent_id text,
    subscription_id   text,
    request_hash      text NOT NULL,
    success_url       text NOT NULL,
    cancel_url        text NOT NULL,
    expires_at        timestamptz,
    created_at        timestamptz NOT NULL,
    fulfilled_at      timestamptz
);
CREATE UNIQUE INDEX orders_checkout_id_key ON orders (checkout_id);
CREATE INDEX orders_account_id ON orders (account_id, id);

-- Which order a request with an Idempotency-Key was answered with. Several keys may have been answered with one order: a page
-- that is open is handed out again.
CREATE TABLE order_keys (
    account_id      text NOT NULL REFERENCES accounts (id),
    idempotency_key text NOT NULL,
    request_hash    text NOT NULL,
    order_id        text NOT NULL REFERENCES orders (id),
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (account_id, idempotency_key)
);

CREATE TABLE lots (
    id          text PRIMARY KEY,
    account_id  text NOT NULL REFERENCES accounts (id),
    grant_key   text NOT NULL,
    source      text NOT NULL,
    granted     bigint NOT NULL CONSTRAINT lots_granted CHECK (granted >= 0),
    remaining   bigint NOT NULL,
    clawed_back bigint NOT NULL,
    expires_at  timestamptz,
    created_at  timestamptz NOT NULL,
    CONSTRAINT lots_remaining CHECK (remaining >= 0 AND remaining <= granted),
    CONSTRAINT lots_clawed_back CHECK (clawed_back >= 0 AND clawed_back <= granted)
);
-- The business fact that granted: unique forever, whatever else fails.
CREATE UNIQUE INDEX lots_grant_key ON lots (grant_key);
CREATE INDEX lots_left ON lots (account_id) WHERE remaining > 0;

CREATE TABLE entries (
    id              text PRIMARY KEY,
    account_id      text NOT NULL REFERENCES accounts (id),
    kind            text NOT NULL CONSTRAINT entries_kind CHECK (kind IN ('grant', 'spend', 'expire', 'clawback')),
    amount          bigint NOT NULL,
    balance_after   bigint NOT NULL,
    seq             bigint NOT NULL,
    description     text NOT NULL,
    metadata        text NOT NULL,
    lot_id          text REFERENCES lots (id),
    idempotency_key text,
    request_hash    text NOT NULL,
    created_at      timestamptz NOT NULL,
    CONSTRAINT entries_sign CHECK (CASE kind WHEN 'grant' THEN amount >= 0 ELSE amount < 0 END)
);
CREATE UNIQUE INDEX entries_idempotency_key ON entries (account_id, idempotency_key);
CREATE INDEX entries_account_id ON entries (account_id, seq);

CREATE TABLE logins (
    id         text PRIMARY KEY,
    account_id text NOT NULL REFERENCES accounts (id),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX logins_account_id ON logins (account_id);

CREATE TABLE refresh_tokens (
    hash       text PRIMARY KEY,
    login_id   text NOT NULL REFERENCES logins (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_login_id ON refresh_tokens (login_id);

-- What Stripe told us to look at. Of the payload only these facts are kept: objects are fetched, never applied.
CREATE TABLE inbox_events (
    id           text PRIMARY KEY,
    type         text NOT NULL,
    api_version  text NOT NULL,
    livemode     boolean NOT NULL,
    object_type  text NOT NULL,
    object_id    text NOT NULL,
    customer_id  text,
    account_id   text REFERENCES accounts (id),
    status       text NOT NULL CONSTRAINT inbox_events_status CHECK (status IN ('pending', 'processed', 'ignored')),
    reason       text NOT NULL,
    ticket       bigint,
    attempts     bigint NOT NULL,
    last_error   text NOT NULL,
    created_at   timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    processed_at timestamptz,
    CONSTRAINT inbox_events_pending CHECK (status <> 'processed' OR processed_at IS NOT NULL)
);
CREATE INDEX inbox_events_pending_account ON inbox_events (account_id) WHERE status = 'pending';
CREATE INDEX inbox_events_received_at ON inbox_events (received_at);

-- +goose Down
DROP TABLE inbox_events;
DROP TABLE refresh_tokens;
DROP TABLE logins;
DROP TABLE entries;
DROP TABLE lots;
DROP TABLE order_keys;
DROP TABLE orders;
DROP TABLE accounts;
