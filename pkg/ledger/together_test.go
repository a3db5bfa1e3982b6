package ledger_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// twinStep is one thing that happens to two accounts alike.
type twinStep struct {
	Kind   string
	Amount billing.Points
	Hours  int
	Key    int // of a spend; 0: none
	Cap    billing.Points
	Login  bool // a customer spends, not a service
}

var twinSteps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) twinStep {
	return twinStep{
		Kind: rapid.SampledFrom([]string{
			"spend", "spend", "spend", "spend", "spend", "spend", "grant", "grant", "hold", "pass", "end", "disable",
			"enable", "subscription",
		}).Draw(t, "kind"),
		Amount: billing.Points(rapid.IntRange(1, 12).Draw(t, "amount")),
		Hours:  rapid.IntRange(0, 30).Draw(t, "hours"),
		Key:    rapid.IntRange(0, 6).Draw(t, "key"),
		Cap:    billing.Points(rapid.SampledFrom([]int{0, 0, 5, 20}).Draw(t, "cap")),
		Login:  rapid.Bool().Draw(t, "login"),
	}
}), 8, 24)

// Proves on random histories that a spend among others is the same as one alone. Two accounts take the same steps, one
// by Spend and one by SpendAlone. Every outcome and every refusal is the same, word for word, and in the end the
// entries and the lots are.
func TestTogetherIsAlone(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	db := storetest.OpenAt(t, store.SQLite, clock)
	rapid.Check(t, func(r *rapid.T) { playTwins(t, r, db, clock, twinSteps.Draw(r, "steps")) })
}

// Proves the same on PostgreSQL, with fewer histories, which are the same in every run.
func TestTogetherIsAloneOnPostgres(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	db := storetest.OpenAt(t, store.Postgres, clock)
	for seed := range 30 {
		playTwins(t, t, db, clock, twinSteps.Example(seed))
	}
}

// twin is one of the two accounts.
type twin struct {
	*book
	login billing.SessionID
	spend func(context.Context, *store.DB, billing.AccountID, ledger.SpendRequest) (ledger.Spent, error)
}

func playTwins(t *testing.T, f failer, db *store.DB, clock *storetest.Clock, steps []twinStep) {
	var twins [2]twin
	for i := range twins {
		a, login := loggedIn(t, db, 10)
		twins[i] = twin{&book{t: f, db: db, clock: clock, id: a.ID}, login, ledger.Spend}
	}
	twins[1].spend = ledger.SpendAlone
	clock.Advance(time.Millisecond) // lots of one moment are in no order
	for n, step := range steps {
		together, alone := twins[0].take(n, step), twins[1].take(n, step)
		if together != alone {
			f.Fatalf("after %+v: together\n%s\nalone\n%s", steps[:n+1], together, alone)
		}
		clock.Advance(time.Millisecond + time.Duration(map[bool]int{true: step.Hours}[step.Kind == "pass"])*time.Hour)
	}
	if together, alone := twins[0].all(), twins[1].all(); together != alone {
		f.Fatalf("in the end of %+v: together\n%s\nalone\n%s", steps, together, alone)
	}
}

// take takes a step, and returns what came of it.
func (w twin) take(n int, step twinStep) string {
	w.t.Helper()
	expires := w.clock.Now().Add(time.Duration(step.Hours) * time.Hour)
	switch step.Kind {
	case "spend":
		return w.outcome(w.spend(context.Background(), w.db, w.id, w.request(step)))
	case "hold":
		_, err := ledger.Hold(context.Background(), w.db, w.id, ledger.HoldRequest{
			Amount: step.Amount, TTL: time.Duration(1+step.Hours) * time.Hour,
		})
		return string(billing.CodeOf(err))
	}
	err := w.write(func(ctx context.Context, tx *store.Tx, a billing.Account) (err error) {
		switch step.Kind {
		case "grant":
			g := billing.Grant{Key: fmt.Sprint("g", n), Source: "pack", Amount: step.Amount}
			if step.Hours > 0 {
				g.ExpiresAt = &expires
			}
			if step.Login { // of a subscription, so it may be overdue
				g.Period = &billing.Period{Start: w.clock.Now(), End: expires.Add(time.Second)}
				g.ExpiresAt = &g.Period.End
			}
			_, _, err = ledger.Grant(ctx, tx, a, g)
		case "end":
			err = tx.RevokeLogin(ctx, w.id, w.login)
		case "disable":
			err = tx.SetDisabled(ctx, w.id, &tx.Now, "a reason")
		case "enable":
			err = tx.SetDisabled(ctx, w.id, nil, "")
		case "subscription":
			a.Subscription = &billing.Subscription{
				ID: "sub_1", Plan: "pro", Status: billing.SubActive, Quantity: 1, CurrentPeriodStart: w.clock.Now(),
				CurrentPeriodEnd: expires, Window: &billing.Window{From: w.clock.Now(), Until: expires},
			}
			a.Version++
			err = tx.SaveSubscription(ctx, a)
		}
		return err
	})
	return fmt.Sprint(err)
}

func (w twin) request(step twinStep) ledger.SpendRequest {
	r := ledger.SpendRequest{
		By: customer, Amount: step.Amount, Description: fmt.Sprint(step.Amount % 3),
		Caps: billing.CapPolicy{
			Default: billing.Caps{Day: step.Cap}, Plans: map[string]billing.Caps{"pro": {Request: step.Cap}},
		},
	}
	if step.Login {
		r.Login = w.login
	}
	if step.Key > 0 {
		// Some keys come with another amount, which reuses them.
		r.Key, r.Amount = fmt.Sprint("k", step.Key), billing.Points(1+step.Key%3)
		if step.Amount == 1 {
			r.Amount++
		}
	}
	if step.Amount%4 == 0 {
		r.Metadata = map[string]string{"a": "b"}
	}
	return r
}

// outcome returns what a caller sees of a spend. Ids differ.
func (w twin) outcome(s ledger.Spent, err error) string {
	if err != nil {
		return fmt.Sprintf("%s: %v (retry after %s)", billing.CodeOf(err), err, w.retryAfter(err))
	}
	e, a := s.Entry, s.Account
	return fmt.Sprintf("%s %d of %d, %d, %q %v %s %s %s; %+v %d %v %+v; replayed %t", e.Kind, e.Amount, e.BalanceAfter,
		e.Seq, e.Description, e.Metadata, e.Key, e.RequestHash, e.CreatedAt.UTC(), a.Balance, a.Version, a.Day.Points,
		a.Subscription != nil, s.Replayed)
}

func (w twin) retryAfter(err error) time.Duration { return refusalOf(err).RetryAfter }

// all returns the account, its lots and its entries, without ids.
func (w twin) all() string {
	w.tick()
	a, lots, err := ledger.Show(context.Background(), w.db, w.id)
	if err != nil {
		w.t.Fatal(err)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%+v %d %d %v\n", a.Balance, a.Unsettled, a.Day.Points, a.NextExpiry)
	for _, l := range lots {
		fmt.Fprintf(&out, "lot %s %d %d %d\n", l.Source, l.Granted, l.Remaining, l.Held)
	}
	entries, err := w.db.Entries(context.Background(), w.id, "", 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		fmt.Fprintf(&out, "entry %s %d %d %d %s %s %v\n",
			e.Kind, e.Amount, e.Held, e.BalanceAfter, e.Key, e.Description, e.By)
	}
	return out.String()
}

// Proves that repeats are found inside a batch. A repeat that took the account's row for itself would hold up the
// batches of a busy account.
func TestRepeatsStayInTheBatch(t *testing.T) {
	t.Parallel()
	eachBook(t, func(t *testing.T, b *book) {
		b.grant("pack", 10, never)
		spend := func(int) error {
			s, err := ledger.Spend(t.Context(), b.db, b.id, ledger.SpendRequest{Amount: 1, Key: "k"})
			if err == nil && (s.Entry.Key != "k" || s.Account.Available != 9) {
				err = fmt.Errorf("got %+v", s)
			}
			return err
		}
		if err := spend(0); err != nil {
			t.Fatal(err)
		}
		alone := make(chan string, 1000)
		b.db.Watch(func(_ context.Context, statement string) {
			if strings.HasPrefix(statement, "UPDATE") || strings.HasPrefix(statement, "SELECT * FROM \"accounts\"") {
				alone <- statement
			}
		})
		if err := together(50, spend); err != nil {
			t.Fatal(err)
		}
		if len(alone) > 0 {
			t.Errorf("a repeat asks the database alone: %s", <-alone)
		}
	})
}
