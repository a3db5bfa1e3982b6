-- +goose Up
-- The schema of both databases in one text. It is written in PostgreSQL's words; migrate.go replaces the few that
-- SQLite does not know. Times are in UTC. In SQLite they are text of one width, so that they sort.
--
-- The account is the key. Each table's primary key begins with the account, and so does each foreign key, so that all
-- of an account's rows can be kept in one place. The exceptions are small directories, which lead to an account and
-- have their own key, and tables that concern no account or are filled before it is known. TestTablesAreKeyedByAccount
-- lists both.
--
-- Constraints and indexes have names, because tests and errors refer to them.

-- One row per user. This row alone decides what may be spent. Most updates touch no indexed column, so each page keeps
-- room for new versions of its rows.
CREATE TABLE accounts (
    id                text PRIMARY KEY,
    email             text, -- NULL if a service made the account without one
    email_verified_at timestamptz, -- since when the person is known to read the mails of that address
    external_id       text, -- the id that a service gave it
    password_hash     text NOT NULL, -- '' if no password opens the account
    -- A token never carries the role: who needs it reads this row.
    role              text NOT NULL CONSTRAINT accounts_role CHECK (role IN ('user', 'admin')),
    customer_id       text,
    created_at        timestamptz NOT NULL,

    -- Points.
    available         bigint NOT NULL CONSTRAINT accounts_available CHECK (available >= 0),
    held              bigint NOT NULL CONSTRAINT accounts_held CHECK (held >= 0),
    debt              bigint NOT NULL CONSTRAINT accounts_debt CHECK (debt >= 0 AND (debt = 0 OR available = 0)),
    unsettled         bigint NOT NULL CONSTRAINT accounts_unsettled CHECK (unsettled >= 0),
    next_expiry       timestamptz,
    version           bigint NOT NULL,
    -- Below this many points the customer is told. NULL means the operator's setting.
    low_points        bigint CONSTRAINT accounts_low_points CHECK (low_points >= 0),
    -- How many points were spent or held on the day (UTC) that begins at `spent_day`, for the operator's caps.
    spent_day         timestamptz,
    spent_points      bigint NOT NULL CONSTRAINT accounts_spent_points CHECK (spent_points >= 0),

    -- The subscription, and what it changes to at a later time.
    sub_id            text,
    sub_plan          text NOT NULL,
    sub_quantity      bigint CONSTRAINT accounts_sub_quantity CHECK (sub_quantity >= 0),
    sub_status        text CONSTRAINT accounts_sub_status CHECK (sub_status IN
        ('incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due', 'canceled', 'unpaid', 'paused')),
    sub_period_start  timestamptz,
    sub_period_end    timestamptz,
    sub_cancels       boolean NOT NULL,
    sub_ends_at       timestamptz,
    sub_paused        boolean NOT NULL, -- the collection of its invoices
    sub_paused_until  timestamptz,
    sub_next_plan     text,
    sub_next_quantity bigint,
    sub_next_at       timestamptz,
    window_from       timestamptz,
    window_until      timestamptz,
    -- An account has one trial. This is never cleared, even when its customer is deleted at Stripe.
    trial_used_at     timestamptz,

    -- What syncs know.
    ticket_issued     bigint NOT NULL,
    ticket_applied    bigint NOT NULL,
    budget_at         timestamptz NOT NULL,
    invoices_since    timestamptz,
    last_synced_at    timestamptz,
    -- When points that are already paid for are granted next. A job syncs the account then.
    next_grant_at     timestamptz,
    -- When an import took the account's customer over from another system, and whether the periods that ran then are
    -- granted here. What was paid before is not granted again.
    cut_over_at       timestamptz,
    cut_over_running  boolean NOT NULL,

    -- A parked account: a day's grants would exceed the operator's limits, so they wait until a person approves them.
    parked_at         timestamptz,
    parked_reason     text NOT NULL,
    unparked_at       timestamptz,
    grants_approved   boolean NOT NULL, -- the next sync makes all grants, however many

    -- Who may still act for it. Each end of logins adds to `logins_ended`, so a spend sees in this row that one of them
    -- ended while it waited. A disabled account, or one that is being deleted, takes no spend. `deleted_at` is set when
    -- the person's data are gone; the points stay.
    logins_ended      bigint NOT NULL,
    disabled_at       timestamptz,
    disabled_reason   text NOT NULL,
    deleting_at       timestamptz,
    deleted_at        timestamptz,

    CONSTRAINT accounts_tickets CHECK (ticket_applied <= ticket_issued),
    CONSTRAINT accounts_cut_over CHECK (cut_over_at IS NOT NULL OR NOT cut_over_running),
    CONSTRAINT accounts_window CHECK ((window_from IS NULL) = (window_until IS NULL)),
    CONSTRAINT accounts_sub CHECK ((sub_id IS NULL) = (sub_status IS NULL)),
    CONSTRAINT accounts_sub_next CHECK ((sub_next_plan IS NULL) = (sub_next_at IS NULL)
        AND (sub_next_plan IS NULL) = (sub_next_quantity IS NULL)),
    CONSTRAINT accounts_sub_paused CHECK (sub_paused OR sub_paused_until IS NULL),
    CONSTRAINT accounts_parked CHECK ((parked_at IS NULL) = (parked_reason = '')),
    CONSTRAINT accounts_disabled CHECK ((disabled_at IS NULL) = (disabled_reason = '')),
    CONSTRAINT accounts_deleted CHECK (deleted_at IS NULL OR deleting_at IS NOT NULL)
) WITH (fillfactor = 70);
CREATE INDEX accounts_next_grant_at ON accounts (next_grant_at) WHERE next_grant_at IS NOT NULL;
CREATE INDEX accounts_deleting ON accounts (id) WHERE deleting_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX accounts_parked_at ON accounts (id) WHERE parked_at IS NOT NULL;

-- A directory: the account of an email. It makes an email one account's. Directories have no foreign key to the
-- account, which may be kept elsewhere.
CREATE TABLE emails (
    email      text PRIMARY KEY,
    account_id text NOT NULL
);

-- A directory: the account of an id that a service gave it.
CREATE TABLE external_ids (
    external_id text PRIMARY KEY,
    account_id  text NOT NULL
);

-- A directory: the account of a person whom an issuer of ID tokens knows. A subject is unique only within its issuer.
CREATE TABLE identities (
    issuer     text NOT NULL,
    subject    text NOT NULL,
    account_id text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_account_id ON identities (account_id);

-- The keys of the operator's programs. A key belongs to no account: it acts for any. The secret itself is kept nowhere.
-- `scopes` is a list between commas. The one who made or revoked a key is an admin's account or another key; NULL is
-- the command line.
CREATE TABLE service_keys (
    id           text PRIMARY KEY,
    digest       text NOT NULL,
    name         text NOT NULL,
    scopes       text NOT NULL CONSTRAINT service_keys_scopes CHECK (scopes LIKE ',_%,'),
    hint         text NOT NULL,
    created_at   timestamptz NOT NULL,
    created_by   text,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    revoked_by   text,
    last_used_at timestamptz,
    CONSTRAINT service_keys_revoked CHECK (revoked_at IS NOT NULL OR revoked_by IS NULL)
);
CREATE UNIQUE INDEX service_keys_digest ON service_keys (digest);

-- A directory: the account of a Stripe customer. A customer that the account does not have any more stays here, because
-- its events still concern the account. It belongs to no other account ever, so what Stripe says of it grants to one
-- alone.
CREATE TABLE customers (
    customer_id text PRIMARY KEY,
    account_id  text NOT NULL
);

-- The customers that an account had at Stripe before.
CREATE TABLE former_customers (
    account_id  text NOT NULL REFERENCES accounts (id),
    customer_id text NOT NULL,
    reason      text NOT NULL CONSTRAINT former_customers_reason CHECK (reason IN ('deleted', 'unlinked')),
    ended_at    timestamptz NOT NULL,
    PRIMARY KEY (account_id, customer_id)
);

-- Requests with an Idempotency-Key and the id of what each made, so that a repeat returns the same. Each operation has
-- its own keys. The requests of the ledger are not here: their keys are in `entries`.
CREATE TABLE requests (
    account_id      text NOT NULL REFERENCES accounts (id),
    operation       text NOT NULL CONSTRAINT requests_operation CHECK (operation IN
        ('checkout', 'subscription_change', 'admin')),
    idempotency_key text NOT NULL CONSTRAINT requests_idempotency_key CHECK (idempotency_key <> ''),
    request_hash    text NOT NULL,
    result          text NOT NULL CONSTRAINT requests_result CHECK (result <> ''),
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (account_id, operation, idempotency_key)
);

-- How many of an account's requests may still call Stripe, or renew a login, one row for each kind. The budget is full
-- again at `whole_at`. It is in the database, so that all replicas count together.
CREATE TABLE request_budgets (
    account_id text NOT NULL REFERENCES accounts (id),
    kind       text NOT NULL CONSTRAINT request_budgets_kind CHECK (kind IN
        ('checkout', 'promotion_code', 'portal', 'top_up', 'subscription', 'exchange', 'refresh')),
    whole_at   timestamptz NOT NULL,
    PRIMARY KEY (account_id, kind)
);

-- Attempts of passwords, registrations and other requests that cost much or try a secret: counted by address and by a
-- hash of the email, whether or not there is an account. A count is back at zero at `zero_us`, and each attempt moves
-- that on. Times are numbers, microseconds since 1970, so that one statement can add to them on both databases. A row
-- of the kind `known` is no count: it says until when an address is known at an account. It is in the database, so that
-- all replicas count together.
CREATE TABLE attempts (
    kind    text NOT NULL CONSTRAINT attempts_kind CHECK (kind IN
        ('address', 'pair', 'account', 'own', 'register', 'mail', 'token', 'known')),
    subject text NOT NULL,
    last_us bigint NOT NULL,
    zero_us bigint NOT NULL,
    PRIMARY KEY (kind, subject)
);
CREATE INDEX attempts_zero_us ON attempts (zero_us);

CREATE TABLE logins (
    account_id   text NOT NULL REFERENCES accounts (id),
    id           text NOT NULL,
    name         text NOT NULL, -- that the customer gave the device
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL, -- when it last got a refresh token
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    PRIMARY KEY (account_id, id)
);

-- Refresh tokens by their hash. A token names its account. The predecessor of a token still works until the token
-- itself, or a sibling, was used: the client may have lost the response that carried it.
CREATE TABLE refresh_tokens (
    account_id  text NOT NULL,
    hash        text NOT NULL,
    login_id    text NOT NULL,
    predecessor text,
    created_at  timestamptz NOT NULL,
    used_at     timestamptz,
    PRIMARY KEY (account_id, hash),
    CONSTRAINT refresh_tokens_login_id_fkey FOREIGN KEY (account_id, login_id)
        REFERENCES logins (account_id, id) ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_login_id ON refresh_tokens (account_id, login_id);
CREATE INDEX refresh_tokens_predecessor ON refresh_tokens (account_id, predecessor) WHERE predecessor IS NOT NULL;

-- ID tokens that open one login only, and have done so, by the hash of what they say. The row is there as long as the
-- token could be shown again.
CREATE TABLE exchanged_tokens (
    digest   text PRIMARY KEY, -- of no account: a token opens no second account after its first one was deleted
    login_id text NOT NULL,
    used_at  timestamptz NOT NULL, -- for the first time
    ends_at  timestamptz NOT NULL
);
CREATE INDEX exchanged_tokens_ends_at ON exchanged_tokens (ends_at);

-- What a mail carries to prove that its reader receives the mails of an address. Only the hash is stored. An account
-- has one token of a kind at a time. A token is deleted when it is used. A change of the email has its row, with the
-- digest '', before its mail is sent: what stops the change deletes the row.
CREATE TABLE mail_tokens (
    account_id text NOT NULL REFERENCES accounts (id),
    kind       text NOT NULL CONSTRAINT mail_tokens_kind CHECK (kind IN
        ('reset_password', 'verify_email', 'change_email')),
    digest     text NOT NULL,
    email      text NOT NULL, -- that the mail was sent to
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, kind)
);

-- Addresses that someone wants to register and no one has proved to read yet, each with the hash of its token.
CREATE TABLE registrations (
    email      text PRIMARY KEY,
    digest     text NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX registrations_digest ON registrations (digest);

-- How many mails may still be caused for an address, and by an account. The budget is full again at `whole_at`.
CREATE TABLE mail_budgets (
    name     text PRIMARY KEY, -- an address or an account
    whole_at timestamptz NOT NULL
);

-- What customers bought, or are about to buy. An automatic order has no checkout page: it charges a saved payment
-- method.
CREATE TABLE orders (
    account_id        text NOT NULL REFERENCES accounts (id),
    id                text NOT NULL,
    item              text NOT NULL,
    kind              text NOT NULL CONSTRAINT orders_kind CHECK (kind IN ('plan', 'pack')),
    quantity          bigint NOT NULL CONSTRAINT orders_quantity CHECK (quantity > 0),
    points            bigint NOT NULL CONSTRAINT orders_points CHECK (points >= 0),
    amount            bigint NOT NULL CONSTRAINT orders_amount CHECK (amount >= 0),
    currency          text NOT NULL,
    status            text NOT NULL CONSTRAINT orders_status CHECK (status IN
        ('pending', 'paid', 'fulfilled', 'expired', 'failed', 'refunded')),
    automatic         boolean NOT NULL,
    checkout_id       text,
    url               text NOT NULL,
    success_url       text NOT NULL,
    cancel_url        text NOT NULL,
    payment_intent_id text,
    subscription_id   text,
    decline_code      text NOT NULL,
    charge_after      timestamptz, -- no charge before this time; NULL: charge now
    request_hash      text NOT NULL,
    created_at        timestamptz NOT NULL,
    expires_at        timestamptz,
    fulfilled_at      timestamptz,
    PRIMARY KEY (account_id, id),
    CONSTRAINT orders_automatic CHECK (NOT automatic OR kind = 'pack' AND checkout_id IS NULL)
);
CREATE UNIQUE INDEX orders_checkout_id_key ON orders (account_id, checkout_id);
-- An account has one open automatic order at a time. Even faulty code cannot charge it twice.
CREATE UNIQUE INDEX orders_automatic_open ON orders (account_id) WHERE automatic AND status IN ('pending', 'paid');
CREATE INDEX orders_automatic_made ON orders (account_id, created_at) WHERE automatic;
CREATE INDEX orders_uncharged ON orders (id) WHERE automatic AND status = 'pending' AND payment_intent_id IS NULL;

-- Automatic purchases: buy this pack when the points run low. `due_at` is only when to look again; the decision is made
-- under the account's lock, from its orders.
CREATE TABLE top_ups (
    account_id    text PRIMARY KEY REFERENCES accounts (id),
    status        text NOT NULL CONSTRAINT top_ups_status CHECK (status IN ('on', 'off', 'needs_attention')),
    reason        text NOT NULL,
    pack          text NOT NULL,
    quantity      bigint NOT NULL CONSTRAINT top_ups_quantity CHECK (quantity > 0),
    points        bigint NOT NULL CONSTRAINT top_ups_points CHECK (points >= 0), -- that one purchase brings, as agreed to
    amount        bigint NOT NULL CONSTRAINT top_ups_amount CHECK (amount > 0),
    currency      text NOT NULL,
    threshold     bigint NOT NULL CONSTRAINT top_ups_threshold CHECK (threshold > 0),
    monthly_limit bigint NOT NULL CONSTRAINT top_ups_monthly_limit CHECK (monthly_limit > 0),
    declines      bigint NOT NULL CONSTRAINT top_ups_declines CHECK (declines >= 0),
    due_at        timestamptz NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    CONSTRAINT top_ups_reason CHECK ((status = 'needs_attention') = (reason <> '') AND reason IN
        ('', 'declined', 'authentication_required', 'no_payment_method', 'price_changed', 'pack_gone', 'disputed',
         'refunded'))
);
CREATE INDEX top_ups_due ON top_ups (due_at) WHERE status = 'on';

-- How much of a charge was refunded or disputed when a sync last saw it. A top-up stops when there is more.
CREATE TABLE returned_charges (
    account_id text NOT NULL REFERENCES accounts (id),
    charge_id  text NOT NULL,
    refunded   bigint NOT NULL CONSTRAINT returned_charges_refunded CHECK (refunded >= 0),
    disputed   bigint NOT NULL CONSTRAINT returned_charges_disputed CHECK (disputed >= 0),
    seen_at    timestamptz NOT NULL,
    PRIMARY KEY (account_id, charge_id)
);

-- Changes of a subscription that its customer requested. The row, with the steps to take at Stripe, is written before
-- the first of them. A job looks at an undecided change at `look_at`.
CREATE TABLE subscription_changes (
    account_id  text NOT NULL REFERENCES accounts (id),
    id          text NOT NULL,
    kind        text NOT NULL CONSTRAINT subscription_changes_kind CHECK (kind IN ('change', 'cancel', 'resume')),
    plan        text NOT NULL,
    quantity    bigint NOT NULL CONSTRAINT subscription_changes_quantity CHECK (quantity >= 0),
    status      text NOT NULL CONSTRAINT subscription_changes_status CHECK (status IN
        ('pending', 'done', 'unpaid', 'processing', 'invoiced', 'failed')),
    steps       text NOT NULL,
    invoice_id  text,
    payment_url text NOT NULL,
    problem     text NOT NULL,
    detail      text NOT NULL,
    -- The invoices that it voided, as JSON, so that its repeat lists the same. They are noted before the first is voided.
    voided      text NOT NULL,
    lease_until timestamptz NOT NULL,
    look_at     timestamptz,
    created_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    PRIMARY KEY (account_id, id),
    CONSTRAINT subscription_changes_unpaid CHECK (
        status NOT IN ('unpaid', 'processing', 'invoiced') OR invoice_id IS NOT NULL),
    CONSTRAINT subscription_changes_ended CHECK ((status = 'pending') = (ended_at IS NULL)),
    CONSTRAINT subscription_changes_look_at CHECK ((look_at IS NULL) = (status IN ('done', 'failed')))
);
CREATE INDEX subscription_changes_account_id ON subscription_changes (account_id, created_at);
-- An account has one pending change at a time.
CREATE UNIQUE INDEX subscription_changes_pending ON subscription_changes (account_id) WHERE status = 'pending';
CREATE INDEX subscription_changes_look_at ON subscription_changes (look_at) WHERE look_at IS NOT NULL;

-- Grants of points. A lot's points are remaining, held, or gone. An ended lot takes no points back: what a hold returns
-- to it expires at once.
CREATE TABLE lots (
    account_id    text NOT NULL REFERENCES accounts (id),
    id            text NOT NULL,
    grant_key     text NOT NULL,
    source        text NOT NULL,
    granted       bigint NOT NULL CONSTRAINT lots_granted CHECK (granted >= 0),
    remaining     bigint NOT NULL,
    held          bigint NOT NULL,
    -- How much expired unused. A later refund finds these points gone, and makes no debt of them.
    expired       bigint NOT NULL CONSTRAINT lots_expired CHECK (expired >= 0 AND expired <= granted),
    -- How much was clawed back, and how much of that the lot itself had. The rest came from other lots, and is restored
    -- to others.
    clawed_back   bigint NOT NULL,
    clawed_own    bigint NOT NULL,
    expires_at    timestamptz,
    ended_at      timestamptz,
    -- A subscription's lot belongs to a period: the one that it lives in now. `period_origin` is the start of the
    -- period that it was granted for.
    period_start  timestamptz,
    period_end    timestamptz,
    period_inner  boolean NOT NULL,
    period_origin timestamptz,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (account_id, id),
    CONSTRAINT lots_held CHECK (held >= 0 AND remaining + held <= granted),
    CONSTRAINT lots_remaining CHECK (remaining >= 0 AND remaining <= granted),
    CONSTRAINT lots_clawed_back CHECK (clawed_back >= 0 AND clawed_back <= granted),
    CONSTRAINT lots_clawed_own CHECK (clawed_own >= 0 AND clawed_own <= clawed_back),
    CONSTRAINT lots_period CHECK ((period_start IS NULL) = (period_end IS NULL)
        AND (period_start IS NULL) = (period_origin IS NULL) AND (period_start IS NOT NULL OR NOT period_inner))
);
-- One business fact grants once to an account.
CREATE UNIQUE INDEX lots_grant_key ON lots (account_id, grant_key);
CREATE INDEX lots_left ON lots (account_id) WHERE remaining > 0 OR held > 0;
-- For the job that expires lots of accounts that nobody uses.
CREATE INDEX lots_due ON lots (expires_at)
    WHERE expires_at IS NOT NULL AND ended_at IS NULL AND (remaining > 0 OR held > 0);

-- Periods that a paid invoice began: how many points of earlier periods may roll over into it, and how many did.
CREATE TABLE periods (
    account_id   text NOT NULL REFERENCES accounts (id),
    source       text NOT NULL,
    starts_at    timestamptz NOT NULL,
    ends_at      timestamptz NOT NULL,
    period_inner boolean NOT NULL,
    expires_at   timestamptz,
    rollover     bigint NOT NULL,
    carried      bigint NOT NULL,
    PRIMARY KEY (account_id, source, starts_at),
    CONSTRAINT periods_carried CHECK (carried >= 0 AND carried <= rollover)
);

-- Points set aside until they are captured or released, or the hold expires.
CREATE TABLE holds (
    account_id  text NOT NULL REFERENCES accounts (id),
    id          text NOT NULL,
    amount      bigint NOT NULL CONSTRAINT holds_amount CHECK (amount > 0),
    captured    bigint NOT NULL,
    status      text NOT NULL CONSTRAINT holds_status CHECK (status IN ('active', 'captured', 'released', 'expired')),
    action      text, -- as in `entries`
    quantity    bigint CONSTRAINT holds_quantity CHECK (quantity > 0),
    description text NOT NULL,
    metadata    text NOT NULL,
    expires_at  timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    PRIMARY KEY (account_id, id),
    CONSTRAINT holds_captured CHECK (
        CASE status WHEN 'captured' THEN captured > 0 AND captured <= amount ELSE captured = 0 END),
    CONSTRAINT holds_ended CHECK ((status = 'active') = (ended_at IS NULL)),
    CONSTRAINT holds_action CHECK ((action IS NULL) = (quantity IS NULL))
);
CREATE INDEX holds_active ON holds (account_id, expires_at) WHERE status = 'active';
CREATE INDEX holds_due ON holds (expires_at) WHERE status = 'active';

-- The lots that a hold's points came from. What is not captured returns to them. `since` is the start of the period in
-- which the part was taken: on its way back it crosses the periods that began later.
CREATE TABLE hold_parts (
    account_id text NOT NULL,
    hold_id    text NOT NULL,
    lot_id     text NOT NULL,
    points     bigint NOT NULL CONSTRAINT hold_parts_points CHECK (points > 0),
    since      timestamptz,
    PRIMARY KEY (account_id, hold_id, lot_id),
    CONSTRAINT hold_parts_hold_id_fkey FOREIGN KEY (account_id, hold_id) REFERENCES holds (account_id, id),
    CONSTRAINT hold_parts_lot_id_fkey FOREIGN KEY (account_id, lot_id) REFERENCES lots (account_id, id)
);

-- Movements of points, never changed once written. An entry moves `amount` into or out of the account, and `held` into
-- or out of a hold.
CREATE TABLE entries (
    account_id      text NOT NULL REFERENCES accounts (id),
    seq             bigint NOT NULL, -- the account's version that this entry made
    id              text NOT NULL,
    kind            text NOT NULL CONSTRAINT entries_kind CHECK (kind IN
        ('grant', 'spend', 'expire', 'clawback', 'correction', 'hold', 'capture', 'release', 'rollover', 'restore')),
    amount          bigint NOT NULL,
    held            bigint NOT NULL,
    balance_after   bigint NOT NULL,
    lot_id          text,
    hold_id         text,
    by_kind         text NOT NULL CONSTRAINT entries_by_kind CHECK (by_kind IN
        ('customer', 'service', 'admin', 'system')),
    by_id           text, -- the service key or the admin's account
    -- The action of the catalogue that set the price, and how many of it. NULL if the caller chose the amount.
    action          text,
    quantity        bigint CONSTRAINT entries_quantity CHECK (quantity > 0),
    description     text NOT NULL,
    metadata        text NOT NULL,
    -- The keys of services begin with `service `, which no caller's key can.
    idempotency_key text,
    request_hash    text NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (account_id, seq),
    CONSTRAINT entries_lot_id_fkey FOREIGN KEY (account_id, lot_id) REFERENCES lots (account_id, id),
    CONSTRAINT entries_hold_id_fkey FOREIGN KEY (account_id, hold_id) REFERENCES holds (account_id, id),
    CONSTRAINT entries_sign CHECK (CASE
        WHEN kind = 'grant' THEN amount >= 0
        WHEN kind = 'restore' THEN amount > 0
        WHEN kind IN ('hold', 'release', 'rollover') THEN amount = 0
        ELSE amount < 0 END),
    CONSTRAINT entries_held CHECK (CASE kind
        WHEN 'hold' THEN held > 0
        WHEN 'capture' THEN held <= amount
        WHEN 'release' THEN held < 0
        ELSE held = 0 END),
    CONSTRAINT entries_hold CHECK ((kind IN ('hold', 'capture', 'release')) = (hold_id IS NOT NULL)),
    CONSTRAINT entries_action CHECK ((action IS NULL) = (quantity IS NULL)
        AND (action IS NULL OR kind IN ('spend', 'hold', 'capture'))),
    CONSTRAINT entries_by CHECK ((by_kind IN ('service', 'admin')) = (by_id IS NOT NULL))
);
CREATE UNIQUE INDEX entries_idempotency_key ON entries (account_id, idempotency_key);
-- A grant has one entry, which is found by its lot.
CREATE UNIQUE INDEX entries_grant ON entries (account_id, lot_id) WHERE kind = 'grant';
CREATE INDEX entries_id ON entries (id);

-- What admins did to accounts. Rows are appended and never changed.
CREATE TABLE admin_actions (
    account_id text NOT NULL REFERENCES accounts (id),
    id         text NOT NULL,
    admin_id   text, -- an account, which may be kept elsewhere, or a service key
    action     text NOT NULL CONSTRAINT admin_actions_action CHECK (action IN
        ('grant', 'correction', 'role', 'unpark', 'disable', 'enable', 'delete', 'sync', 'end_sessions')),
    entry_seq  bigint,
    reason     text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, id),
    CONSTRAINT admin_actions_entry_seq_fkey FOREIGN KEY (account_id, entry_seq) REFERENCES entries (account_id, seq),
    CONSTRAINT admin_actions_entry CHECK ((action IN ('grant', 'correction')) = (entry_seq IS NOT NULL))
);
-- For the log of all accounts, latest first.
CREATE INDEX admin_actions_id ON admin_actions (id);

-- What admins did to the operator's endpoints, which may be gone since, to service keys, and to events of Stripe's.
-- Rows are appended and never changed.
CREATE TABLE system_actions (
    id         text PRIMARY KEY,
    account_id text, -- of an event that was replayed, if it was known
    subject    text NOT NULL,
    admin_id   text,
    action     text NOT NULL CONSTRAINT system_actions_action CHECK (action IN
        ('webhook.add', 'webhook.change', 'webhook.roll', 'webhook.resend', 'webhook.remove',
         'key.create', 'key.revoke', 'replay')),
    reason     text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX system_actions_account ON system_actions (account_id, id);

-- The syncs of the last weeks: why each began and how it ended.
CREATE TABLE syncs (
    account_id text NOT NULL REFERENCES accounts (id),
    ticket     bigint NOT NULL,
    cause      text NOT NULL CONSTRAINT syncs_cause CHECK (cause IN
        ('event', 'spend', 'order', 'change', 'operator', 'due', 'top_up', 'expiry')),
    began_at   timestamptz NOT NULL,
    ended_at   timestamptz,
    outcome    text CONSTRAINT syncs_outcome CHECK (outcome IN ('applied', 'outrun', 'failed')),
    detail     text NOT NULL,
    version    bigint,
    PRIMARY KEY (account_id, ticket),
    CONSTRAINT syncs_ended CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX syncs_began_at ON syncs (began_at);

-- The operator's own endpoints. `types` is a list between commas; `*` is all. `busy_until` gives an endpoint to one job
-- at a time.
CREATE TABLE webhooks (
    id           text PRIMARY KEY,
    url          text NOT NULL,
    types        text NOT NULL,
    secret       text NOT NULL,
    old_secrets  text NOT NULL, -- a JSON list of secrets that sign as well, each until its own time
    round        bigint NOT NULL,
    busy_until   timestamptz NOT NULL,
    paused_until timestamptz, -- nothing is sent before: the endpoint asked for it by Retry-After
    delivered    bigint NOT NULL,
    failed       bigint NOT NULL,
    created_at   timestamptz NOT NULL,
    disabled_at  timestamptz,
    disabled_why text NOT NULL,
    CONSTRAINT webhooks_disabled CHECK ((disabled_why = '') = (disabled_at IS NULL))
);

-- Outgoing events, one row for each endpoint. They do not reference the endpoint, because each insert would lock its
-- row, which all accounts share.
CREATE TABLE deliveries (
    webhook_id   text NOT NULL,
    id           text NOT NULL,
    account_id   text REFERENCES accounts (id),
    type         text NOT NULL,
    body         text NOT NULL,
    status       text NOT NULL CONSTRAINT deliveries_status CHECK (status IN
        ('pending', 'delivered', 'failed', 'missed')),
    attempts     bigint NOT NULL CONSTRAINT deliveries_attempts CHECK (attempts >= 0),
    put_off      bigint NOT NULL CONSTRAINT deliveries_put_off CHECK (put_off >= 0),
    next_at      timestamptz NOT NULL,
    last_status  bigint NOT NULL,
    last_error   text NOT NULL,
    created_at   timestamptz NOT NULL,
    tried_at     timestamptz,
    delivered_at timestamptz,
    PRIMARY KEY (webhook_id, id),
    CONSTRAINT deliveries_delivered CHECK (status <> 'delivered' OR delivered_at IS NOT NULL)
);
-- With the account, so that the turns of many deliveries are read from the index alone.
CREATE INDEX deliveries_due ON deliveries (webhook_id, next_at, id, account_id) WHERE status = 'pending';
CREATE INDEX deliveries_account_id ON deliveries (account_id, created_at);
CREATE INDEX deliveries_created_at ON deliveries (created_at);

-- Events that Stripe sent. Only these facts of the payload are kept: objects are fetched, never applied. `tried_at` is
-- when the sweeper last asked Stripe for the account, so that replicas that sweep together do not all ask.
CREATE TABLE inbox_events (
    id           text PRIMARY KEY,
    type         text NOT NULL,
    api_version  text NOT NULL,
    livemode     boolean NOT NULL,
    object_type  text NOT NULL,
    object_id    text NOT NULL,
    customer_id  text,
    account_id   text, -- NULL until it is known
    status       text NOT NULL CONSTRAINT inbox_events_status CHECK (status IN ('pending', 'processed', 'ignored')),
    reason       text NOT NULL,
    ticket       bigint,
    attempts     bigint NOT NULL,
    last_error   text NOT NULL,
    created_at   timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    origin       text, -- the traceparent of the request that stored it; NULL without traces
    tried_at     timestamptz,
    processed_at timestamptz,
    CONSTRAINT inbox_events_pending CHECK (status <> 'processed' OR processed_at IS NOT NULL)
);
CREATE INDEX inbox_events_pending_account ON inbox_events (account_id) WHERE status = 'pending';
CREATE INDEX inbox_events_account_id ON inbox_events (account_id, received_at);
CREATE INDEX inbox_events_received_at ON inbox_events (received_at);

-- How far the back-fill has read Stripe's list of events, in one row, and how many webhooks were signed with none of
-- our secrets.
CREATE TABLE event_walks (
    kind       text PRIMARY KEY CONSTRAINT event_walks_kind CHECK (kind = 'backfill'),
    seen_until timestamptz,
    walk_since timestamptz,
    walk_until timestamptz,
    walk_after text NOT NULL,
    looked_at  timestamptz,
    found      bigint NOT NULL,
    refused    bigint NOT NULL,
    refused_at timestamptz,
    CONSTRAINT event_walks_walk CHECK ((walk_since IS NULL) = (walk_until IS NULL))
);
INSERT INTO event_walks (kind, walk_after, found, refused) VALUES ('backfill', '', 0, 0);

-- The cursors of the periodic walks over all accounts. Any replica continues where another stopped.
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
INSERT INTO audit_runs (kind, cursor_id, accounts, findings, last_findings)
    VALUES ('audit', '', 0, 0, 0), ('drift', '', 0, 0, 0);

-- The Stripe account that this database's customers belong to: one row, written by the first server.
CREATE TABLE stripe_links (
    kind       text PRIMARY KEY CONSTRAINT stripe_links_one CHECK (kind = 'stripe'),
    account_id text NOT NULL,
    livemode   boolean NOT NULL,
    linked_at  timestamptz NOT NULL
);

-- The text that made this schema, by its digest, in one row. Until the first release the text may be rewritten; a
-- database of an older text is then refused.
CREATE TABLE schema_origins (
    digest text PRIMARY KEY
);
