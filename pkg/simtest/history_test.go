package simtest

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pointsync/pointsync/pkg/store"
)

// claims are the statements of a token. The database must once have been in that state.
type claims struct {
	Account string `json:"sub"`
	Version int64  `json:"ver"`
	Points  int64  `json:"points"`
	Sub     *struct {
		Plan   string `json:"plan"`
		Status string `json:"status"`
		From   *int64 `json:"from"`
		Until  *int64 `json:"until"`
	} `json:"subscription"`
}

func readClaims(raw string) (c claims, err error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return c, fmt.Errorf("it has %d parts", len(parts))
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(b, &c)
}

// subscription returns the claim in the form that the history uses.
func (c claims) subscription() string {
	if c.Sub == nil {
		return ""
	}
	number := func(n *int64) string {
		if n == nil {
			return ""
		}
		return fmt.Sprint(*n)
	}
	return strings.Join([]string{c.Sub.Plan, c.Sub.Status, number(c.Sub.From), number(c.Sub.Until)}, "|")
}

// historyDDL makes the database itself record every state of an account's row. PostgreSQL does so at the end of the
// transaction, so it keeps only states that others could see. SQLite has no such trigger, and also keeps states in the
// middle of a transaction.
var historyDDL = map[store.Dialect][]string{
	store.Postgres: {
		`CREATE TABLE sim_history (account_id text, version bigint, available bigint, held bigint, debt bigint, sub text, sub_id text, period bigint,
			PRIMARY KEY (account_id, version, available, held, debt, sub))`,
		`CREATE FUNCTION sim_remember() RETURNS trigger AS $$ BEGIN
			INSERT INTO sim_history SELECT id, version, available, held, debt, ` + pgSub + `
				FROM accounts WHERE id = NEW.id ON CONFLICT DO NOTHING;
			RETURN NULL; END $$ LANGUAGE plpgsql`,
		`CREATE CONSTRAINT TRIGGER sim_remember AFTER INSERT OR UPDATE ON accounts DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW EXECUTE FUNCTION sim_remember()`,
	},
	store.SQLite: {
		`CREATE TABLE sim_history (account_id text, version bigint, available bigint, held bigint, debt bigint, sub text, sub_id text, period bigint,
			PRIMARY KEY (account_id, version, available, held, debt, sub))`,
		`CREATE TRIGGER sim_remember_insert AFTER INSERT ON accounts BEGIN ` + sqliteRemember + `; END`,
		`CREATE TRIGGER sim_remember_update AFTER UPDATE ON accounts BEGIN ` + sqliteRemember + `; END`,
	},
}

const (
	pgSub = `COALESCE(sub_plan || '|' || sub_status || '|' || COALESCE(EXTRACT(EPOCH FROM window_from)::bigint::text, '')
		|| '|' || COALESCE(EXTRACT(EPOCH FROM window_until)::bigint::text, ''), ''), COALESCE(sub_id, ''),
		COALESCE(EXTRACT(EPOCH FROM sub_period_start)::bigint, 0)`
	sqliteRemember = `INSERT OR IGNORE INTO sim_history SELECT id, version, available, held, debt,
		COALESCE(sub_plan || '|' || sub_status || '|' || COALESCE(strftime('%s', window_from), '') || '|' ||
			COALESCE(strftime('%s', window_until), ''), ''),
		COALESCE(sub_id, ''), CAST(COALESCE(strftime('%s', sub_period_start), 0) AS integer)
		FROM accounts WHERE id = NEW.id`
)

func rememberHistory(ctx context.Context, db *store.DB) error {
	for _, statement := range historyDDL[db.Dialect()] {
		if _, err := db.SQL().ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%w: %s", err, statement)
		}
	}
	return nil
}

// past is one earlier state of an account's row.
type past struct {
	version, points, held, debt int64
	sub, subID                  string // as a token states it; and its id
	period                      int64  // when its period began, in Unix seconds
}

// history reads every state that the user's account ever had, oldest first.
func (u *user) history(ctx context.Context, account string) (all []past, err error) {
	rows, err := u.w.db.SQL().QueryContext(
		ctx,
		`SELECT version, available, held, debt, sub, sub_id, period FROM sim_history WHERE account_id = $1 ORDER BY version`,
		account,
	)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p past
		if err := rows.Scan(&p.version, &p.points, &p.held, &p.debt, &p.sub, &p.subID, &p.period); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return u.betweenSpends(ctx, account, all)
}

// betweenSpends adds the states between spends that share a transaction. The row is written once for all of them, and
// each spend's entry says how it left the account. Spends change nothing else that a state has.
func (u *user) betweenSpends(ctx context.Context, account string, all []past) ([]past, error) {
	rows, err := u.w.db.SQL().QueryContext(
		ctx, "SELECT seq, balance_after FROM entries WHERE account_id = $1 AND kind = 'spend' ORDER BY seq", account,
	)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var seq, balance int64
		if err := rows.Scan(&seq, &balance); err != nil {
			return nil, err
		}
		next, known := slices.BinarySearchFunc(all, seq, func(p past, seq int64) int {
			return cmp.Compare(p.version, seq)
		})
		if known || next == len(all) {
			continue
		}
		p := all[next]
		p.version, p.points = seq, balance-p.held+p.debt
		all = slices.Insert(all, next, p)
	}
	return all, rows.Err()
}

// checkHistory checks that the past states of the user's row follow each other correctly, and compares every token that
// the user received with them.
func (u *user) checkHistory(ctx context.Context) error {
	u.mu.Lock()
	said, account := u.claims, u.account
	u.claims = nil
	u.mu.Unlock()
	all, err := u.history(ctx, account)
	if err != nil {
		return err
	}
	for n := 1; n < len(all); n++ {
		u.checkSuccession(all[n-1], all[n])
	}
	type stated struct {
		version, points int64
		sub             string
	}
	was := map[stated]bool{}
	for _, p := range all {
		was[stated{p.version, p.points, p.sub}] = true
	}
	for _, c := range said {
		if !was[stated{c.Version, c.Points, c.subscription()}] || c.Account != account {
			u.w.violate(u, "a token states what the database never was: account %s, version %d, %d points, subscription %q",
				c.Account, c.Version, c.Points, c.subscription())
		}
	}
	return nil
}

// checkSuccession checks that one state of a row may follow another. The version must rise, and the row must never show
// an older picture of Stripe. A subscription that ended stays ended, and its period only moves on.
func (u *user) checkSuccession(before, after past) {
	switch {
	case before.version == after.version && u.w.dialect == store.Postgres:
		u.w.violate(u, "version %d of its row was two states: %+v and %+v", after.version, before, after)
	case before.subID != after.subID || before.subID == "":
	case after.period < before.period:
		u.w.violate(u, "an older picture of Stripe followed a newer one: %+v after %+v", after, before)
	case strings.Contains(before.sub, "|canceled|") && !strings.Contains(after.sub, "|canceled|"):
		u.w.violate(u, "a subscription came back from its end: %+v after %+v", after, before)
	}
}
