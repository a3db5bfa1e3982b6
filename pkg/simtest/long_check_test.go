package simtest

import (
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/reconcile"
	"github.com/pointsync/pointsync/pkg/sandbox/sandboxtest"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// After each round, one user in longSample is checked. A user with more than maxClaims unchecked tokens is checked
// anyway.
const (
	longSample = 60
	maxClaims  = 64
)

func (l *long) checkSome() {
	var who []*user
	for _, u := range l.users[:l.joined] {
		if l.r.IntN(longSample) == 0 || u.unchecked() > maxClaims {
			who = append(who, u)
		}
	}
	l.checked += len(who)
	l.checkSafety(who)
}

// compareSome compares some users with Stripe, as the end does with all of them. So a rule that the model and the
// product do not share is found early. It syncs each user first, because a webhook may have been lost.
func (l *long) compareSome() {
	who := make([]*user, 0, compared)
	for range min(compared, l.joined) {
		who = append(who, l.users[l.r.IntN(l.joined)])
	}
	l.compared += len(who)
	l.inParallel(checkers, len(who), func(n int) {
		if why := l.differs(who[n]); why != "" {
			l.violate(who[n], "synced a moment ago, the database does not agree with Stripe: %s", why)
		}
	})
}

const (
	compared     = 12 // users after each round
	compareTries = 25 // until a sync succeeds, because calls of Stripe fail all the time
)

// differs returns how the database differs from Stripe about a user, or "". If Stripe refuses all tries, as long as its
// faults last, the user is left to the end, and counted.
func (l *long) differs(u *user) (why string) {
	var refused error
	read := false // one try could compare
	for try := range compareTries {
		a, err := l.db.Account(l.ctx, billing.AccountID(u.account))
		if err != nil || a.CustomerID == "" {
			return ""
		}
		if _, err = l.syncer.Sync(l.ctx, a.ID, billing.CauseEvent); err == nil {
			var found string
			if found, err = l.disagreement(l.ctx, u); err == nil && found == "" {
				return ""
			}
			if err == nil {
				read, why = true, found
			}
		}
		if refused = err; err != nil && !read {
			why = err.Error()
		}
		pause(l.ctx, try)
	}
	if !read && billing.CodeOf(refused) == billing.EStripeUnavailable {
		l.uncompared.Add(1)
		return ""
	}
	if strings.HasPrefix(why, "the automatic order ") && l.waitsForCharge(u) {
		return ""
	}
	return why
}

// waitsForCharge reports whether a user has an automatic order whose charge failed. It is tried again minutes later,
// and between the rounds the clock stands still. The check at the end, after the clock has moved, waits for no order.
func (l *long) waitsForCharge(u *user) bool {
	waiting, err := l.db.UnchargedOrders(l.ctx, l.now().Add(time.Hour), "", 10_000)
	return err == nil && slices.ContainsFunc(waiting, func(o billing.Order) bool {
		return o.AccountID == billing.AccountID(u.account)
	})
}

func newSyncer(w *world) (*reconcile.Syncer, error) {
	gateway, err := stripegw.New(stripegw.Options{Key: sandboxtest.Key, BaseURL: w.stripe, Now: w.now})
	if err != nil {
		return nil, err
	}
	policy := reconcile.Policy{PastDueGrace: pastDueGrace, RenewalGrace: renewalGrace}
	return reconcile.New(w.db, gateway, w.catalog, policy, nil, slog.New(slog.DiscardHandler)), nil
}

func (l *long) watchHeap() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	l.heap = max(l.heap, m.HeapInuse)
}
