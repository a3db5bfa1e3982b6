package ledger_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// step is one thing that happens to an account. Each kind reads the numbers in its own way.
type step struct {
	Kind   string
	Amount billing.Points
	Lasts  time.Duration // from now, possibly over already; never: without expiry
	Which  int           // of two sources, or of the grants so far
}

func (s step) String() string { return fmt.Sprintf("%s %d %s #%d", s.Kind, s.Amount, s.Lasts, s.Which) }

var steps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
	return step{
		Kind: rapid.SampledFrom([]string{
			"grant", "grant", "again", "period", "rollover", "rollover", "late", "change", "early change", "spend",
			"spend", "spend", "spend",
			"pass", "pass", "clawback", "expire", "show",
			"hold", "hold", "capture", "release", "restore", "subscription", "subscription", "sync",
		}).Draw(t, "kind"),
		Amount: billing.Points(rapid.IntRange(0, 20).Draw(t, "amount")),
		Lasts:  time.Duration(rapid.SampledFrom([]int{-1, 0, 1, 1, 2, 2, 3, 6}).Draw(t, "lasts")) * time.Hour,
		Which:  rapid.IntRange(0, 5).Draw(t, "which"),
	}
}), 10, 30)

// Proves on random histories that late settling gives the same as settling at once. After every step the balance is
// the model's, and the audit finds nothing. In the end the lots and entries are the model's too.
func TestLedgerIsItsModel(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	db := storetest.OpenAt(t, store.SQLite, clock)
	rapid.Check(t, func(r *rapid.T) {
		play(r, newStory(t, db, clock), steps.Draw(r, "steps"))
	})
}

// Proves the same on PostgreSQL, with fewer histories, which are the same in every run.
func TestLedgerIsItsModelOnPostgres(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	db := storetest.OpenAt(t, store.Postgres, clock)
	for seed := range 20 {
		play(t, newStory(t, db, clock), steps.Example(seed))
	}
}

// story is an account and the model that it must agree with.
type story struct {
	*book
	model    model
	grants   int
	newest   map[string]int // the number of the newest period, by source
	rollover billing.Points // of the periods in examples
	holds    []billing.HoldID
}

func newStory(t *testing.T, db *store.DB, clock *storetest.Clock) *story {
	return &story{newest: map[string]int{}, book: &book{t: t, db: db, clock: clock, id: storetest.NewAccount(t, db).ID}}
}

func play(t failer, s *story, steps []step) {
	s.book.t = t
	for n, step := range steps {
		if s.noticesTime(step) {
			s.model.passTime(s.clock.Now())
		}
		s.take(step)
		s.tick()
		if step.Kind != "pass" { // a read would settle what expired, and leave nothing of it for the next step to find
			s.model.passTime(s.clock.Now())
			s.wantBalance(billing.Balance{Available: s.model.available(), Held: s.model.held(), Debt: s.model.debt})
		}
		if t.Failed() {
			t.Fatalf("after step %d of %v", n+1, steps[:n+1])
		}
	}
	s.model.passTime(s.clock.Now())
	s.wantModelLots()
	s.wantModelEntries()
	a, want := s.stored(), s.model.nextEnd()
	if a.Unsettled != 0 || (a.NextExpiry == nil) != (want == nil) || want != nil && !a.NextExpiry.Equal(*want) {
		t.Errorf("stored %+v, want the next expiry %v", a, want)
	}
	if t.Failed() {
		t.Fatalf("after %v", steps)
	}
}

// noticesTime reports whether a step first ends expired lots. Time alone does not. A sync may give such a lot a later
// expiry, or carry it over into a period that it sees late. With a subscription that is live again, the lot waits for
// the next sync.
func (s *story) noticesTime(step step) bool {
	return !slices.Contains(
		[]string{"pass", "expire", "subscription", "period", "rollover", "late", "change", "early change"}, step.Kind,
	)
}

func (s *story) take(step step) {
	s.book.t.Helper()
	switch step.Kind {
	case "grant", "period", "rollover", "late", "change", "early change", "again":
		g := s.newGrant(step)
		s.model.grant(s.clock.Now(), g)
		s.tryGrant(g)
	case "spend":
		n := max(1, step.Amount)
		if s.model.spend(s.clock.Now(), n) {
			s.spend(n)
		} else {
			s.refused(n)
		}
	case "hold":
		n, lasts := max(1, step.Amount), max(time.Hour, step.Lasts)
		if s.model.hold(s.clock.Now(), n, lasts) {
			s.holds = append(s.holds, s.hold(n, lasts).ID)
		} else {
			s.refusedHold(n)
		}
	case "capture", "release":
		s.endHold(step)
	case "pass":
		s.clock.Advance(max(time.Millisecond, step.Lasts))
	case "clawback":
		key := s.key(max(1, s.grants-step.Which))
		total := step.Amount
		if lot := s.model.find(key); lot != nil {
			total = min(total, billing.Points(len(lot.points)))
		}
		s.model.clawback(key, total)
		s.clawback(key, total)
	case "restore":
		key := s.key(max(1, s.grants-step.Which))
		s.model.restore(s.clock.Now(), key, step.Amount)
		s.restore(key, step.Amount)
	case "expire":
		source, at := fmt.Sprintf("source:%d", step.Which%2), new(s.clock.Now().Add(step.Lasts))
		if step.Lasts == never {
			at = nil
		}
		s.model.moveEnd(source, at)
		s.model.sync(s.clock.Now())
		s.expire(source, at)
	case "subscription":
		s.model.live = step.Which < 4
		s.subscribe(s.model.live)
		s.model.passTime(s.clock.Now())
	case "sync":
		s.model.sync(s.clock.Now())
		s.endOverdue()
	case "show":
		s.wantModelLots()
	}
}

// newGrant returns a pack, or a grant of a subscription. The grant may be a period, begun in order, or paid late when
// the next one has begun. Or it may be a change in the newest period, or in the next period before that is paid.
func (s *story) newGrant(step step) billing.Grant {
	if step.Kind != "again" {
		s.grants++
	}
	g := billing.Grant{Key: s.key(s.grants), Source: fmt.Sprintf("source:%d", step.Which%2), Amount: step.Amount}
	if step.Lasts != never {
		g.ExpiresAt = new(s.clock.Now().Add(step.Lasts))
	}
	newest := s.newest[g.Source]
	begins := storetest.Epoch.AddDate(0, 0, newest)
	switch step.Kind {
	case "grant", "again":
		return g
	case "period", "rollover":
		begins = begins.AddDate(0, 0, 2)
		s.newest[g.Source] += 2
	case "late":
		begins = begins.AddDate(0, 0, -1-2*(step.Which/4))
	case "change":
		begins = begins.Add(time.Hour)
	case "early change":
		begins = begins.AddDate(0, 0, 2).Add(time.Hour)
	}
	g.Period = &billing.Period{Start: begins, End: begins.AddDate(0, 0, 2)}
	g.Replaces = !strings.HasSuffix(step.Kind, "change")
	if step.Kind != "period" && g.Replaces {
		g.Rollover = billing.Points(3 * step.Which)
	}
	return g
}

// endHold captures or releases one of the last holds, if there is one.
func (s *story) endHold(step step) {
	s.book.t.Helper()
	n := len(s.holds) - 1 - step.Which
	if n < 0 {
		return
	}
	id, hold, now := s.holds[n], s.model.holds[n], s.clock.Now()
	switch points := s.model.pointsOf(hold); {
	case points == 0:
		s.ended(id)
	case step.Kind == "release":
		s.model.release(now, hold)
		s.release(id)
	default:
		points = min(points, max(1, step.Amount))
		s.model.capture(now, hold, points)
		s.capture(id, points)
	}
}

func (s *story) key(n int) string { return fmt.Sprintf("%s:%d", s.id, n) }

// subscribe lets the account's subscription continue, or end.
func (s *story) subscribe(live bool) {
	s.book.t.Helper()
	s.tell(func(ctx context.Context, tx *store.Tx, a billing.Account) error {
		a.Subscription = &billing.Subscription{ID: "sub_1", Status: billing.SubCanceled}
		if live {
			a.Subscription.Status = billing.SubActive
		}
		return tx.SaveSubscription(ctx, a)
	})
}

// wantModelLots compares the lots with the model's.
func (s *story) wantModelLots() {
	s.book.t.Helper()
	_, lots, err := ledger.Show(context.Background(), s.db, s.id)
	if err != nil {
		s.book.t.Fatal(err)
	}
	var texts, rest []string
	for _, l := range lots {
		text := lotText(keyOf(l), l.Remaining, l.Held)
		if l.Remaining > 0 {
			texts = append(texts, text)
		} else {
			rest = append(rest, text)
		}
	}
	slices.Sort(rest)
	if got, want := strings.Join(append(texts, rest...), ", "), s.model.lotsText(); got != want {
		s.book.t.Errorf("the lots are %q, want %q", got, want)
	}
	s.tick()
}

// wantModelEntries compares what happened, in any order, because an expiry is entered only when it is noticed.
func (s *story) wantModelEntries() {
	s.book.t.Helper()
	var got []string
	for _, e := range entriesOf(s.book.t, s.db, s.id) {
		got = append(got, fmt.Sprintf("%s %d", e.Kind, e.Amount))
	}
	slices.Sort(got)
	want := slices.Sorted(slices.Values(s.model.entries))
	if !slices.Equal(got, want) {
		s.book.t.Errorf("the entries are\n%s\nwant\n%s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
}
