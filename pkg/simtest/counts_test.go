package simtest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/token"
)

const (
	keyCopies  = 10 // of each key at once
	keysAtOnce = 8
)

// counted returns two servers on one PostgreSQL, and one user with points.
func counted(t *testing.T, points billing.Points) (*world, *user) {
	t.Helper()
	databaseURL := storetest.URL(t, store.Postgres)
	w := newShop(t, size{users: 1}, store.Postgres, databaseURL)
	w.open(databaseURL, 2)
	w.must(w.servers[1].start())
	w.api.setTargets([]string{w.servers[0].addr, w.servers[1].addr})
	u := w.users[0]
	u.register()
	w.give(u, points)
	return w, u
}

// spends returns the account's spends by key, the points spent, and the account.
func (w *world) spends(u *user) (byKey map[string][]billing.Entry, spent billing.Points, a billing.Account) {
	w.t.Helper()
	w.audit(u)
	entries, err := w.entries(u)
	w.must(err)
	byKey = map[string][]billing.Entry{}
	for _, e := range entries {
		if e.Kind == billing.EntrySpend {
			byKey[e.Key] = append(byKey[e.Key], e)
			spent -= e.Amount
		}
	}
	a, err = w.db.Account(w.ctx, billing.AccountID(u.account))
	w.must(err)
	if len(w.broken()) > 0 {
		w.tell()
		w.t.FailNow()
	}
	return byKey, spent, a
}

// TestKeysTogether proves that ten copies of a request at once, on two servers, have one effect and one reply. A full
// run uses 5,000 keys.
func TestKeysTogether(t *testing.T) {
	t.Parallel()
	keys := rounds(t, 300, 5_000)
	w, u := counted(t, 10*billing.Points(keys))
	w.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * keyCopies * keysAtOnce}}
	w.answerWithin = time.Minute
	var next, replays atomic.Int64
	var senders sync.WaitGroup
	for range keysAtOnce {
		senders.Go(func() {
			for n := next.Add(1); n <= int64(keys); n = next.Add(1) {
				replays.Add(
					u.sendTogether(intent{kind: billing.EntrySpend, key: fmt.Sprint("key-", n), amount: 1 + n%10}),
				)
			}
		})
	}
	senders.Wait()
	byKey, spent, a := w.spends(u)
	want := billing.Points(0)
	for n := 1; n <= keys; n++ {
		want += billing.Points(1 + n%10)
		if got := len(byKey[fmt.Sprint("key-", n)]); got != 1 {
			t.Errorf("key-%d has %d effects", n, got)
		}
	}
	if len(byKey) != keys || spent != want || a.Available != 10*billing.Points(keys)-want ||
		replays.Load() != int64(keys*(keyCopies-1)) {
		t.Errorf(
			"%d effects, %d points spent of %d, %d left, %d replays", len(byKey), spent, want, a.Available,
			replays.Load(),
		)
	}
	t.Logf(
		"%d keys × %d copies at once: exactly %d effects, and %d answers that say they are repeats", keys, keyCopies,
		len(byKey), replays.Load(),
	)
}

// sendTogether sends a spend several times at once and requires the same reply from all. It returns how many say that
// they are repeats.
func (u *user) sendTogether(in intent) (replayed int64) {
	answers := make([]answer, keyCopies)
	var copies sync.WaitGroup
	for n := range answers {
		copies.Go(func() { answers[n], _, _ = u.insist(u.request(&in), "", 2*time.Minute) })
	}
	copies.Wait()
	for _, a := range answers {
		if a.status != http.StatusOK || a.text("spend.id") != answers[0].text("spend.id") ||
			a.number("spend.amount") != in.amount {
			u.w.violate(
				u, "a copy of %s answers %s with %s, another one with %s", in.key, a, a.text("spend.id"),
				answers[0].text("spend.id"),
			)
		}
		if a.replayed {
			replayed++
		}
	}
	return replayed
}

// TestRepliesCut proves that a spend whose reply is cut off after its commit is stored. Its repeat finds it and does
// not spend again. Before the repeat, the test reads the database to prove that the cut came after the commit. A full
// run makes 500 cuts.
func TestRepliesCut(t *testing.T) {
	t.Parallel()
	cuts := rounds(t, 100, 500)
	w, u := counted(t, billing.Points(cuts))
	random := rand.New(rand.NewPCG(1, 1))
	for n := range cuts {
		in := intent{kind: billing.EntrySpend, key: fmt.Sprint("cut-", n), amount: 1}
		w.api.cutAnswer(cut{after: random.IntN(200)}) // in the header: every reply is longer than that
		if a, err := u.send(u.request(&in), u.current()); err == nil {
			t.Fatalf("the answer to %s was not cut: %s", in.key, a)
		}
		entry, ok, err := w.db.EntryByKey(w.ctx, billing.AccountID(u.account), in.key)
		if w.must(err); !ok {
			t.Fatalf("%s was cut off before its commit", in.key)
		}
		a, _, ok := u.insist(u.request(&in), "", time.Minute)
		if !ok || !a.replayed || a.text("spend.id") != string(entry.ID) {
			t.Errorf(
				"the repeat of %s answers %s with %s, and its entry is %s", in.key, a, a.text("spend.id"), entry.ID,
			)
		}
	}
	byKey, spent, a := w.spends(u)
	if len(byKey) != cuts || spent != billing.Points(cuts) || a.Available != 0 {
		t.Errorf("%d cut answers: %d effects, %d points spent, %d left", cuts, len(byKey), spent, a.Available)
	}
	t.Logf("%d answers cut after the commit: 0 doubled, 0 lost", cuts)
}

// TestStaleTokens proves that no stale token lets anyone spend a point that is not there. All tokens are genuine and
// state more points than the account has. Half of them state a window that ended long ago at Stripe. A full run uses
// 5,000 tokens.
func TestStaleTokens(t *testing.T) {
	t.Parallel()
	tokens := rounds(t, 300, 5_000)
	there := int64(tokens / 10)
	w, u := counted(t, billing.Points(there))
	w.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	w.answerWithin = time.Minute
	stale := w.staleTokens(u, tokens)
	var spent, refused atomic.Int64
	var next atomic.Int64
	var clients sync.WaitGroup
	for range 32 {
		clients.Go(func() {
			for n := next.Add(1) - 1; n < int64(tokens); n = next.Add(1) - 1 {
				in := intent{kind: billing.EntrySpend, key: fmt.Sprint("stale-", n), amount: 1}
				switch a, _, _ := u.insist(u.request(&in), stale[n], 2*time.Minute); a.status {
				case http.StatusOK:
					spent.Add(1)
				case http.StatusPaymentRequired:
					refused.Add(1)
				default:
					w.violate(u, "a spend under a stale token answers %s", a)
				}
			}
		})
	}
	clients.Wait()
	byKey, points, a := w.spends(u)
	if spent.Load() != there || int64(len(byKey)) != there || int64(points) != there || a.Available != 0 ||
		refused.Load() != int64(tokens)-there {
		t.Errorf(
			"%d points were there: %d spends acknowledged, %d refused, %d entries, %d points left", there, spent.Load(),
			refused.Load(), len(byKey), a.Available,
		)
	}
	t.Logf(
		"%d stale tokens against %d points: %d spent, %d refused, 0 overspent", tokens, there, spent.Load(),
		refused.Load(),
	)
}

// staleTokens returns tokens that the servers would have minted for the account when it had more points.
func (w *world) staleTokens(u *user, n int) []string {
	w.t.Helper()
	var keys token.Keys
	for _, setting := range w.env {
		if value, ok := strings.CutPrefix(setting, "POINTSYNC_SIGNING_KEYS="); ok {
			var err error
			keys, err = token.ParseKeys(value)
			w.must(err)
		}
	}
	issuer := token.NewIssuer(keys, "pointsync", "pointsync", w.now)
	held, err := issuer.Parse(u.current())
	w.must(err)
	a, err := w.db.Account(w.ctx, billing.AccountID(u.account))
	w.must(err)
	now := w.now()
	tokens := make([]string, n)
	for i := range tokens {
		then := a
		then.Available, then.Version = billing.Points(1000+i), int64(i%int(a.Version+1))
		if i%2 == 0 {
			then.Subscription = &billing.Subscription{
				Plan:   "pro",
				Status: billing.SubActive,
				Window: &billing.Window{From: now.Add(-time.Hour), Until: now.Add(time.Hour)},
			}
		}
		tokens[i], _, err = issuer.Mint(then, held.Login)
		w.must(err)
	}
	return tokens
}
