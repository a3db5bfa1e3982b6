package account

import (
	"net/url"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// beside runs an import while another one, in a transaction that is not committed, has made an account and holds the
// lock of imports. The import must wait for it. It returns the outcomes by name, and the error.
func (s *oldShop) beside(i *Import, lock bool, other billing.Account) (outcomes map[string]ImportOutcome, err error) {
	s.t.Helper()
	ctx := s.t.Context()
	_, err = reconcile.Link(ctx, s.db, s.Stripe)
	must(s.t, err)
	outcomes, ended := map[string]ImportOutcome{}, make(chan error, 1)
	must(s.t, s.db.InTx(ctx, func(tx *store.Tx) error {
		if lock {
			must(s.t, tx.LockStripeLink(ctx))
		}
		if other.ExternalID != "" {
			_, err := tx.EnterExternalID(ctx, other.ExternalID, other.ID)
			must(s.t, err)
		}
		must(s.t, tx.InsertAccount(ctx, other))
		go func() {
			ended <- i.Run(ctx, func(Read) {}, func(done Imported) error {
				outcomes[s.nameOf(done.Customer)] = done.Outcome
				return nil
			})
		}()
		storetest.WaitForLock(s.t, s.db)
		return nil
	}))
	return outcomes, storetest.Next(s.t, ended)
}

// Proves that of two imports at once with different cut-overs, the second one is refused before it writes anything.
// Neither sees an account of the other when it begins: without the lock, both would pass.
func TestImportTwoCutOversOnPostgres(t *testing.T) {
	t.Parallel()
	s := newOldShop(t, store.Postgres, map[string]url.Values{"ada": person("ada@example.com", "u-1")})
	i := s.importer(s.db, nil)
	first := billing.CutOver{At: i.CutOver.At, Running: true}
	other := newAccount(s.Now(), "bob@example.com", "")
	other.CustomerID, other.CutOver = "cus_bob", &first
	outcomes, err := s.beside(i, true, other)
	if billing.CodeOf(err) != billing.EConflict || !strings.Contains(err.Error(), flagsOf(first)) || len(outcomes) > 0 {
		t.Errorf("the second import ends with %v, after %v", err, outcomes)
	}
	if n := storetest.Count(t, s.db, "SELECT count(*) FROM accounts WHERE version > 0"); n != 1 {
		t.Errorf("%d accounts were made, want the one of the first import", n)
	}
	i.OtherCutOver, i.refused = true, nil
	if got := s.run(i)["ada"]; !strings.HasPrefix(got, "made") {
		t.Errorf("a run that is allowed says %s", got)
	}
}

// Proves that a customer who gets an account after an import has found none is known, and no failure: by the external
// id and by the email.
func TestImportPlacedOnPostgres(t *testing.T) {
	t.Parallel()
	for name, externalID := range map[string]string{"ByExternalID": "u-1", "ByEmail": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newOldShop(t, store.Postgres, map[string]url.Values{"ada": person("ada@example.com", externalID)})
			i := s.importer(s.db, nil)
			other := newAccount(s.Now(), "ada@example.com", "")
			other.ExternalID, other.CustomerID, other.CutOver = externalID, s.ids["ada"], &i.CutOver
			outcomes, err := s.beside(i, false, other)
			if err != nil || outcomes["ada"] != ImportKnown {
				t.Errorf("the import ends with %v, and ada is %q", err, outcomes["ada"])
			}
			said := describe(storyOf(t, s.db, other.ID))
			if !strings.HasPrefix(said, "imported, or found by an import: ") {
				t.Errorf("the account's story begins with %q", said)
			}
		})
	}
}

// storyOf returns the first moment of an account.
func storyOf(t *testing.T, db *store.DB, id billing.AccountID) billing.Moment {
	t.Helper()
	story, _, err := Timeline(t.Context(), db, id, "", 100)
	must(t, err)
	return story[len(story)-1].Moment
}
