package api_test

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// TestStatementsNameTheirAccount proves that each statement of a request names the account, for tables that are keyed
// by the account. For a directory, it names the directory's key. So a statement concerns one node, however many there
// are. The requests are logging in and refreshing, buying, spending in and outside the window, holds, history, and
// receiving webhooks. Jobs read all accounts by their nature, and are not requests.
func TestStatementsNameTheirAccount(t *testing.T) {
	t.Parallel()
	s := &statements{}
	w := newWorld(t, storetest.URL(t, store.Postgres), func(db *store.DB) { db.Watch(s.add) })
	keyed := w.keyedTables()
	c := w.user(t)
	c.logsInAndOut()
	c.refreshes()
	c.buysAPack()
	c.spendsInside()
	c.holdsPoints()
	c.hasAStory()
	c.spendsOutside()
	w.ring(t, http.StatusOK, event("evt_1", "cus_of_somebody"), w.secret, w.Now())
	c.call(http.StatusNoContent, http.MethodPost, "/auth/logout", map[string]any{"refresh_token": c.refresh})

	met := map[string]bool{}
	for _, statement := range s.all() {
		tables := tablesOf(statement)
		for _, table := range tables {
			met[table] = true
		}
		if missing := unnamed(statement, tables, keyed); missing > 0 {
			t.Errorf("%d tables without their account in: %s", missing, statement)
		}
	}
	for _, table := range []string{
		"accounts", "emails", "customers", "logins", "refresh_tokens", "entries", "lots", "holds", "hold_parts",
		"orders", "requests", "inbox_events",
	} {
		if !met[table] {
			t.Errorf("no request concerned %s", table)
		}
	}
}

// TestUnnamed proves that a statement that lacks an account is found, wherever the account is missing.
func TestUnnamed(t *testing.T) {
	t.Parallel()
	keyed := []string{"accounts", "lots", "holds", "hold_parts", "entries"}
	for statement, want := range map[string]int{
		`UPDATE "holds" SET "status"='released' WHERE id = 'hld_1'`: 1,

		`SELECT * FROM "lots" WHERE account_id = 'acc_1' AND id = 'lot_1'`:                                                 0,
		`SELECT * FROM "lots" WHERE grant_key = 'stripe:checkout:cs_1'`:                                                    1,
		`INSERT INTO "entries" ("account_id","seq") VALUES ('acc_1',1)`:                                                    0,
		`DELETE FROM "holds" WHERE account_id = 'acc_1' AND id IN (SELECT hold_id FROM hold_parts WHERE lot_id = 'lot_1')`: 1,
		`SELECT 1 FROM holds JOIN hold_parts ON hold_parts.account_id = holds.account_id WHERE holds.account_id = 'acc_1'`: 0,
		`SELECT 1 FROM holds JOIN hold_parts ON hold_parts.hold_id = holds.id WHERE holds.account_id = 'acc_1'`:            1,
		`SELECT * FROM "emails" WHERE email = 'ada@example.com'`:                                                           0,
		`SELECT * FROM "emails" WHERE account_id = 'acc_1'`:                                                                1,
		`INSERT INTO "customers" ("customer_id","account_id") VALUES ('cus_1','acc_1') ON CONFLICT DO NOTHING`:             0,
		`SELECT * FROM "inbox_events" WHERE id = 'evt_1'`:                                                                  0,
	} {
		if got := unnamed(statement, tablesOf(statement), keyed); got != want {
			t.Errorf("%d unnamed, want %d: %s", got, want, statement)
		}
	}
}

// statements are the statements of requests.
type statements struct {
	mu   sync.Mutex
	list []string
}

func (s *statements) add(ctx context.Context, statement string) {
	if ctx.Value(http.ServerContextKey) == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, statement)
}

func (s *statements) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

// keyedTables returns the tables whose primary key begins with the account.
func (w *world) keyedTables() []string {
	rows, err := w.db.SQL().Query(`SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'p'
		AND connamespace = 'public'::regnamespace AND pg_get_constraintdef(oid) LIKE 'PRIMARY KEY (account_id%'
		UNION SELECT 'accounts'`)
	must(w.t, err)
	defer rows.Close()
	var all []string
	for rows.Next() {
		var table string
		must(w.t, rows.Scan(&table))
		all = append(all, table)
	}
	must(w.t, rows.Err())
	return all
}

var (
	anyTable = regexp.MustCompile(`(?i)\b(?:FROM|JOIN|INTO|UPDATE)\s+"?(\w+)"?`)
	// An email that no one has leads to the account '', so that the statements are the same for both.
	accountID  = regexp.MustCompile(`'acc_\w+'|"accounts" WHERE id = ''`)
	sameOf     = regexp.MustCompile(`\w+"?\."?(?:account_)?id"? = "?\w+"?\."?account_id\b`)
	directory  = regexp.MustCompile(`(?i)(?:FROM|INTO)\s+"?(?:emails|customers)"?`)
	byItsOwnID = regexp.MustCompile(`(?i)\b(?:email|customer_id) = '|INTO "(?:emails|customers)"`)
)

func tablesOf(statement string) (tables []string) {
	for _, found := range anyTable.FindAllStringSubmatch(statement, -1) {
		tables = append(tables, found[1])
	}
	return tables
}

// unnamed counts the tables of a statement whose account it does not name: each needs the account's id, or to be joined
// to one by it. A directory needs its own key.
func unnamed(statement string, tables, keyed []string) (missing int) {
	for _, table := range tables {
		if slices.Contains(keyed, table) {
			missing++
		}
	}
	missing -= len(accountID.FindAllString(statement, -1)) + len(sameOf.FindAllString(statement, -1))
	missing = max(0, missing)
	if directory.MatchString(statement) && !byItsOwnID.MatchString(statement) {
		missing++
	}
	return missing
}
