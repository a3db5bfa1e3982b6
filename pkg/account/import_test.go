package account

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

func person(email, externalID string) url.Values {
	form := url.Values{"email": {email}}
	if externalID != "" {
		form.Set("metadata[external_id]", externalID)
	}
	return form
}

// Proves what becomes of each kind of customer, that a dry run says the same and changes nothing, and that a second run
// finds everyone known. What was paid before the cut-over grants nothing, the next period grants its points, and the
// comparison with Stripe finds no difference.
func TestImport(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		s := newOldShop(t, dialect, map[string]url.Values{
			"new":        person("New@Example.com", "u-1"),
			"by email":   person("mail@example.com", ""),
			"verified":   person("verified@example.com", ""),
			"unverified": person("unverified@example.com", ""),
			"taken":      person("taken@example.com", "u-2"),
			"twin":       person("twin@example.com", ""),
			"other twin": person("TWIN@example.com", "u-3"),
			"nobody":     {"name": {"Nobody"}},
			"odd id":     person("odd@example.com", "ü"),
			"closed":     {"metadata[external_id]": {"u-closed"}},
			"two":        person("two@example.com", ""),
			"ours":       {"email": {"ours@example.com"}, "metadata[pointsync_account]": {"acc_gone"}},
			"differs":    person("differs@example.com", ""),
			"has one":    person("has@example.com", ""),
			"had one":    person("had@example.com", ""),
		})
		s.subscribe("two", s.price)
		s.customer("only points", person("points@example.com", ""))
		s.customer("deleted", person("deleted@example.com", ""))
		s.Ask(http.MethodDelete, "/v1/customers/"+string(s.ids["deleted"]), nil)
		s.ids["unknown"] = "cus_nowhere"
		s.customer("other price", person("other@example.com", ""))
		s.subscribe("other price", s.newPrice())
		s.accounts()
		past := s.Now().Add(-time.Hour)
		i := s.importer(s.db, map[string]OpeningBalance{
			"new": {Points: 120}, "only points": {Points: 50}, "deleted": {Points: 1}, "unknown": {Points: 1},
			"differs": {Points: 9, ExpiresAt: &past},
		})
		want := map[string]string{
			"new": "made 0+120", "by email": "made", "verified": "linked", "unverified": "unverified-email",
			"taken": "email-taken", "twin": "same-email", "other twin": "same-email", "nobody": "no-match",
			"odd id": "bad-external-id", "closed": "account-closed", "two": "two-subscriptions", "ours": "ours",
			"only points": "made 0+50", "deleted": "deleted", "unknown": "unknown-customer",
			"differs": "balance-expired", "has one": "account-has-customer", "had one": "former-customer",
		}
		count := func() int { return storetest.Count(t, s.db, `SELECT count(*) FROM accounts WHERE version > 0`) }
		before := count()
		i.DryRun = true
		if got := s.run(i); !reflect.DeepEqual(got, want) || count() != before {
			t.Errorf("a dry run says\n%v, want\n%v, and %d accounts are new", got, want, count()-before)
		}
		i.DryRun = false
		if got := s.run(i); !reflect.DeepEqual(got, want) {
			t.Errorf("a run says\n%v, want\n%v", got, want)
		}
		a := s.wantPoints("new", 120)
		if a.ExternalID != "u-1" || a.Email != "new@example.com" || a.EmailVerifiedAt != nil || a.PasswordHash != "" ||
			a.Subscription == nil || a.Subscription.Status != billing.SubActive || a.TrialUsedAt == nil {
			t.Errorf("the new account is %+v", a)
		}
		i.Balances[s.ids["new"]] = OpeningBalance{Points: 121}
		want["new"], want["by email"], want["verified"], want["only points"] =
			"balance-differs", "known", "known", "known"
		if got := s.run(i); !reflect.DeepEqual(got, want) {
			t.Errorf("a second run says\n%v, want\n%v", got, want)
		}
		s.wantPoints("verified", 0)
		s.Advance(31 * 24 * time.Hour)
		_, err := i.Syncer.Sync(t.Context(), a.ID, billing.CauseEvent)
		must(t, err)
		s.wantPoints("new", 620)
	})
}

// accounts makes the accounts that TestImport finds.
func (s *oldShop) accounts() {
	s.t.Helper()
	ctx := s.t.Context()
	must(s.t, s.db.InTx(ctx, func(tx *store.Tx) error {
		var errs []error
		for email, externalID := range map[string]string{
			"verified@example.com": "", "unverified@example.com": "", "taken@example.com": "", "": "u-closed",
			"has@example.com": "", "had@example.com": "",
		} {
			a := newAccount(tx.Now, email, "a hash")
			a.ExternalID = externalID
			if email != "unverified@example.com" {
				a.EmailVerifiedAt = &tx.Now
			}
			if strings.HasPrefix(email, "ha") {
				a.CustomerID = billing.CustomerID("cus_" + email[:3])
			}
			if externalID != "" {
				a.DisabledAt, a.DisabledReason = &tx.Now, "fraud"
				_, err := tx.EnterExternalID(ctx, externalID, a.ID)
				errs = append(errs, err)
			}
			errs = append(errs, tx.InsertAccount(ctx, a))
			if email == "had@example.com" {
				errs = append(errs, tx.EndCustomer(ctx, a.ID, a.CustomerID))
			}
		}
		return errors.Join(errs...)
	}))
}

// Proves that a customer with an account gets no opening balance if the account is closed by now or no import made it,
// that one without a line of balances is known, and that one that was deleted at Stripe is refused.
func TestImportKnown(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		s := newOldShop(t, dialect, map[string]url.Values{
			"open": person("open@example.com", ""), "disabled": person("disabled@example.com", ""),
			"deleting": person("deleting@example.com", ""), "ours": person("ours@example.com", ""),
			"also ours": person("also@example.com", ""),
		})
		s.customer("gone", person("gone@example.com", ""))
		must(t, s.db.InTx(t.Context(), func(tx *store.Tx) error {
			var errs []error
			for _, name := range []string{"ours", "also ours"} {
				a := newAccount(tx.Now, name+"@example.com", "a hash")
				a.CustomerID = s.ids[name]
				errs = append(errs, tx.InsertAccount(t.Context(), a))
			}
			return errors.Join(errs...)
		}))
		i := s.importer(s.db, map[string]OpeningBalance{"gone": {}})
		s.run(i)
		storetest.Exec(t, s.db, "UPDATE accounts SET disabled_at = created_at, disabled_reason = 'fraud' WHERE id = '"+
			string(s.row("disabled").ID)+"'")
		storetest.Exec(t, s.db, "UPDATE accounts SET deleting_at = created_at WHERE id = '"+
			string(s.row("deleting").ID)+"'")
		s.Ask(http.MethodDelete, "/v1/customers/"+string(s.ids["gone"]), nil)
		for _, name := range []string{"open", "disabled", "deleting", "ours", "gone"} {
			i.Balances[s.ids[name]] = OpeningBalance{Points: 5}
		}
		want := map[string]string{
			"open": "known 0+5", "disabled": "account-closed", "deleting": "account-closed", "ours": "not-imported",
			"also ours": "known", "gone": "deleted",
		}
		if got := s.run(i); !reflect.DeepEqual(got, want) {
			t.Errorf("a run says\n%v, want\n%v", got, want)
		}
	})
}

// Proves that a run with another cut-over than an earlier one is refused before anything is written, and names both,
// and that it can be allowed.
func TestImportOtherCutOver(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		s := newOldShop(t, dialect, map[string]url.Values{"ada": person("ada@example.com", "")})
		i := s.importer(s.db, nil)
		first := i.CutOver
		s.run(i)
		s.customer("bob", person("bob@example.com", ""))
		s.subscribe("bob", s.price)
		for _, other := range []billing.CutOver{
			{At: first.At.Add(time.Hour)}, {At: first.At, Running: true},
		} {
			i.CutOver = other
			err := i.Run(t.Context(), func(Read) {}, func(Imported) error { return errKilled })
			if billing.CodeOf(err) != billing.EConflict || !strings.Contains(err.Error(), flagsOf(first)) ||
				!strings.Contains(err.Error(), flagsOf(other)) {
				t.Errorf("a run with %s ends with %v", flagsOf(other), err)
			}
		}
		i.OtherCutOver = true
		if got := s.run(i); got["ada"] != "known" || !strings.HasPrefix(got["bob"], "made") {
			t.Errorf("a run that is allowed says %v", got)
		}
		if a, b := s.row("ada").CutOver, s.row("bob").CutOver; a.Running || !b.Running {
			t.Errorf("ada has %+v, bob %+v", a, b)
		}
	})
}

// Proves that a run that ends in the middle is finished by the next one, with each point granted once: after accounts
// were made and Stripe did not reply to their syncs, and after it stopped between two customers.
func TestImportContinues(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		s := newOldShop(t, dialect, map[string]url.Values{
			"ada": person("ada@example.com", ""), "bob": person("bob@example.com", ""),
		})
		i := s.importer(s.db, map[string]OpeningBalance{"ada": {Points: 7}, "bob": {Points: 7}})
		i.CutOver.Running = true
		s.Gate.Intercept(func(out http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("customer") == string(s.ids["ada"]) {
				out.WriteHeader(http.StatusTooManyRequests)
				return
			}
			s.Gate.Stripe.ServeHTTP(out, r)
		})
		if got := s.run(i)["ada"]; got != "failed" {
			t.Errorf("with Stripe away, ada is %s", got)
		}
		s.Gate.Open()
		if a := s.row("ada"); a.Available != 7 || a.Sync.TicketApplied != 0 || a.Subscription != nil {
			t.Errorf("the account that was never synced is %+v", a)
		}
		killed := func(Imported) error { return errKilled }
		if err := i.Run(t.Context(), func(Read) {}, killed); !errors.Is(err, errKilled) {
			t.Errorf("the run ends with %v", err)
		}
		if got := s.run(i); !strings.HasPrefix(got["ada"], "known") || got["bob"] != "known" {
			t.Errorf("the last run says %v", got)
		}
		s.wantPoints("ada", 507)
		s.wantPoints("bob", 507)
	})
}

// Proves that imports that run at once, and a server that syncs in the meantime, make one account of each customer and
// grant each point once.
func TestImportTogether(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		s := newOldShop(t, dialect, map[string]url.Values{
			"ada": person("ada@example.com", "u-1"), "bob": person("bob@example.com", ""),
			"eve": person("eve@example.com", "u-2"),
		})
		balances := map[string]OpeningBalance{"ada": {Points: 7}, "bob": {Points: 7}, "eve": {Points: 7}}
		var runs sync.WaitGroup
		for range 4 {
			i := s.importer(s.db, balances)
			i.CutOver.Running = true
			runs.Go(func() {
				err := i.Run(t.Context(), func(Read) {}, func(done Imported) error {
					if done.Outcome == ImportSkipped || done.Outcome == ImportFailed {
						t.Errorf("it says %+v", done)
					}
					_, err := s.Syncer(s.db, s.Stripe, slog.New(slog.DiscardHandler)).
						Sync(t.Context(), done.Account, billing.CauseEvent)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		runs.Wait()
		if n := storetest.Count(t, s.db, `SELECT count(*) FROM accounts WHERE version > 0`); n != 3 {
			t.Errorf("%d accounts were made", n)
		}
		for name := range balances {
			s.wantPoints(name, 507)
		}
	})
}
