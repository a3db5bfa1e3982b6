package store_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// directories lead to an account by a key that is unique among all accounts.
var directories = []string{"emails", "external_ids", "identities", "customers"}

// unkeyed are the tables that are neither keyed by the account nor a directory, and why.
var unkeyed = map[string]string{
	"registrations":    "an address that has no account yet",
	"mail_budgets":     "an address may have no account",
	"inbox_events":     "an event is stored before its account is known",
	"attempts":         "counted by address and by a hash of the email, whether or not there is an account",
	"exchanged_tokens": "an ID token opens no second account after its first one was deleted",
	"service_keys":     "a key belongs to no account: it acts for any",
	"webhooks":         "the operator's endpoints: all accounts share them",
	"system_actions":   "what was done to endpoints and keys, and to events before their account is known",
	"deliveries":       "the queue of an endpoint; a test of one concerns no account",
	"audit_runs":       "one walk over all accounts",
	"event_walks":      "one walk over Stripe's list of events",
	"stripe_links":     "one row for the database",
	"schema_origins":   "one row for the database",
}

// Proves that the account is the key. A table's primary key, its unique indexes and its foreign keys begin with the
// account, so all rows of an account can be kept in one place. Directories and a short list of others, each with its
// reason, have no foreign key to an account. The account may be kept elsewhere.
func TestTablesAreKeyedByAccount(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.Postgres)
	rows, err := db.SQL().Query(`SELECT c.conrelid::regclass::text, c.conname, c.contype::text, pg_get_constraintdef(c.oid)
		FROM pg_constraint c WHERE c.connamespace = 'public'::regnamespace AND c.contype IN ('p', 'f')
		UNION ALL SELECT tablename, indexname, 'u', substring(indexdef FROM '[(].*') FROM pg_indexes
		WHERE schemaname = 'public' AND indexdef LIKE 'CREATE UNIQUE%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	seen := map[string]bool{}
	for rows.Next() {
		var table, name, kind, definition string
		if err := rows.Scan(&table, &name, &kind, &definition); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(table, "river_") || strings.HasPrefix(table, "goose_") {
			continue // tables of the queue and of the migrations, which belong to no account
		}
		seen[table] = true
		if why := misplaced(table, kind, definition); why != "" {
			t.Errorf("%s of %s %s: %s", name, table, why, definition)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, table := range directories {
		unkeyed[table] = "a directory"
	}
	for table, why := range unkeyed {
		if !seen[table] {
			t.Errorf("%s (%s) is no table", table, why)
		}
	}
}

// misplaced returns why a key of a table does not keep the account's rows together, or "" if it does. kind is "p" for a
// primary key, "u" for a unique index, and "f" for a foreign key.
func misplaced(table, kind, definition string) string {
	of, to, _ := strings.Cut(definition[strings.Index(definition, "("):], " REFERENCES ")
	switch {
	case slices.Contains(directories, table) || unkeyed[table] != "":
		if kind == "f" && table != "deliveries" {
			return "refers to a table that may be kept elsewhere"
		}
	case table == "accounts":
		if !strings.HasPrefix(of, "(id)") {
			return "is unique among all accounts"
		}
	case !strings.HasPrefix(of, "(account_id"):
		return "does not begin with the account"
	case kind == "f" && !strings.Contains(to, "(account_id") && !strings.HasPrefix(to, "accounts(id)"):
		return "may refer to another account's row"
	}
	return ""
}

// Proves that if ten accounts claim one Stripe customer at once, one gets it.
func TestOneAccountForOneCustomerTogether(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var all sync.WaitGroup
		var got atomic.Int64
		for range 10 {
			id := storetest.NewAccount(t, db).ID
			all.Go(func() {
				err := write(
					db, func(ctx context.Context, tx *store.Tx) error { return tx.SetCustomer(ctx, id, "cus_1") },
				)
				if err == nil {
					got.Add(1)
				}
			})
		}
		all.Wait()
		if got.Load() != 1 {
			t.Errorf("%d accounts have the customer, want 1", got.Load())
		}
	})
}

// Proves that a Stripe customer belongs to one account for good, so no fact of Stripe's grants to two accounts.
// Another account cannot have it while the first has it, after it was deleted at Stripe, or after the database was
// unlinked. The first account may get it again, and its events find the account at all times.
func TestOneAccountForOneCustomer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		first, other := storetest.NewAccount(t, db), storetest.NewAccount(t, db)
		set := func(id billing.AccountID) error {
			return write(db, func(ctx context.Context, tx *store.Tx) error { return tx.SetCustomer(ctx, id, "cus_1") })
		}
		if err := set(first.ID); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			name string
			do   func(ctx context.Context, tx *store.Tx) error
		}{
			{"had", func(context.Context, *store.Tx) error { return nil }},
			{
				"deleted",
				func(ctx context.Context, tx *store.Tx) error { return tx.EndCustomer(ctx, first.ID, "cus_1") },
			},
			{
				"had again",
				func(ctx context.Context, tx *store.Tx) error { return tx.SetCustomer(ctx, first.ID, "cus_1") },
			},
			{"unlinked", func(ctx context.Context, tx *store.Tx) error { return tx.UnlinkStripe(ctx) }},
			{
				"had once more",
				func(ctx context.Context, tx *store.Tx) error { return tx.SetCustomer(ctx, first.ID, "cus_1") },
			},
			{"unlinked again", func(ctx context.Context, tx *store.Tx) error { return tx.UnlinkStripe(ctx) }},
		} {
			if err := write(db, step.do); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			if set(other.ID) == nil {
				t.Errorf("%s: another account has the customer too", step.name)
			}
			if a := accountOf(t, db, other.ID); a.CustomerID != "" {
				t.Errorf("%s: the other account has %s", step.name, a.CustomerID)
			}
			err := write(db, func(ctx context.Context, tx *store.Tx) error {
				a, err := tx.LockAccountByCustomer(ctx, "cus_1")
				if err == nil && a.ID != first.ID {
					t.Errorf("%s: the customer leads to %s, want %s", step.name, a.ID, first.ID)
				}
				return err
			})
			if err != nil {
				t.Errorf("%s: %v", step.name, err)
			}
		}
	})
}
