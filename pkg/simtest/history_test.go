package simtest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pointsync/pointsync/pkg/store"
)

// claims are what a token says that the database must once have been.
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

// subscription is the claim as the history writes it.
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

// historyDDL lets the database itself write down every state of an account's row. On PostgreSQL that is done at the end of
// the transaction, so that only states which others could see are kept; SQLite knows no such trigger, and keeps those
// in the middle of a transaction as well.
var historyDDL = map[store.Dialect][]string{
	store.Postgres: {
		`CREATE TABLE sim_history (account_id text, version bigint, available bigint, held bigint, debt bigint, sub text,
			PRIMARY KEY (account_id, version, available, held, debt, sub))`,
		`CREATE FUNCTION sim_remember() RETURNS trigger AS $$ BEGIN
			INSERT INTO sim_history SELECT id, version, available, held, debt, ` + pgSub + ` FROM accounts WHERE id = NEW.id ON CONFLICT DO NOTHING;
			RETURN NULL; END $$ LANGUAGE plpgsql`,
		`CREATE CONSTRAINT TRIGGER sim_remember AFTER INSERT OR UPDATE ON accounts DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW EXECUTE FUNCTION sim_remember()`,
	},
	store.SQLite: {
		`CREATE TABLE sim_history (account_id text, version bigint, available bigint, held bigint, debt bigint, sub text,
			PRIMARY KEY (account_id, version, available, held, debt, sub))`,
		`CREATE TRIGGER sim_remember_insert AFTER INSERT ON accounts BEGIN ` + sqliteRemember + `; END`,
		`CREATE TRIGGER sim_remember_update AFTER UPDATE ON accounts BEGIN ` + sqliteRemember + `; END`,
	},
}

const (
	pgSub = `COALESCE(sub_plan || '|' || sub_status || '|' || COALESCE(EXTRACT(EPOCH FROM window_from)::bigint::text, '')
		|| '|' || COALESCE(EXTRACT(EPOCH FROM window_until)::bigint::text, ''), '')`
	sqliteRemember = `INSERT OR IGNORE INTO sim_history SELECT id, version, available, held, debt,
		COALESCE(sub_plan || '|' || sub_status || '|' || COALESCE(strftime('%s', window_from), '') || '|' || COALESCE(strftime('%s', window_until), ''), '')
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

// checkTokens holds every token that the user was ever given against the states that the database really had.
func (u *user) checkTokens(ctx context.Context) error {
	u.mu.Lock()
	said, account := u.claims, u.account
	u.claims = nil
	u.mu.Unlock()
	if len(said) == 0 {
		return nil
	}
	rows, err := u.w.db.SQL().QueryContext(ctx, `SELECT version, available, held, debt, sub FROM sim_history WHERE account_id = $1 ORDER BY version`, account)
	if err != nil {
		return err
	}
	defer rows.Close()
	type seen struct {
		version, points int64
		sub             string
	}
	was, versions := map[seen]bool{}, map[int64]int{}
	for rows.Next() {
		var s seen
		var held, debt int64
		if err := rows.Scan(&s.version, &s.points, &held, &debt, &s.sub); err != nil {
			return err
		}
		was[s] = true
		versions[s.version]++
	}
	for version, states := range versions {
		if states > 1 && u.w.dialect == store.Postgres {
			u.w.violate(u, "version %d of its row was %d different states", version, states)
		}
	}
	for _, c := range said {
		if !was[seen{c.Version, c.Points, c.subscription()}] || c.Account != account {
			u.w.violate(u, "a token states what the database never was: account %s, version %d, %d points, subscription %q",
				c.Account, c.Version, c.Points, c.subscription())
		}
	}
	return rows.Err()
}
