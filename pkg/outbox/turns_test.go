package outbox_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Proves that accounts take turns at an endpoint. While accounts with many events are delivered, an event of another
// account is written. At most one event of each of them comes before it, and those that were under way.
func TestTurns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		hogs, each    int
		mostBeforeOne int
	}{
		{"OneAccount", 1, 60, 1 + 8},
		{"ManyAccounts", 30, 3, 30 + 8}, // without its turn, it comes after most of a second round
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachOffice(t, func(o *office) {
				late := o.account(0)
				rc := newReceiver(t, nil)
				rc.answer = func(n int, _ http.ResponseWriter, _ *http.Request) {
					if n == 0 {
						o.grant(late, billing.Grant{Key: "late", Source: "test", Amount: 1})
					}
				}
				w := o.listens(rc, billing.OutPointsSpent, billing.OutPointsGranted)
				for range c.hogs {
					id := o.account(1000)
					for range c.each - 1 { // the grant is an event too
						o.spend(id, 1)
					}
				}
				o.run(w)
				got := rc.parcels()
				before := 0
				for got[before].account != string(late) {
					before++
				}
				if before > c.mostBeforeOne || len(got) != c.hogs*c.each+1 {
					t.Errorf("%d of %d events came before that of another account", before, len(got))
				}
			})
		})
	}
}

// Proves that an account whose event is under way, and takes long, does not delay another account's event, not even one
// that is written only then.
func TestSlowAccountDelaysNoOther(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		other := o.account(0)
		came := make(chan struct{})
		rc := newReceiver(t, nil)
		rc.answer = func(n int, _ http.ResponseWriter, r *http.Request) {
			if n > 0 {
				close(came)
				return
			}
			o.grant(other, billing.Grant{Key: "late", Source: "test", Amount: 1})
			select {
			case <-came:
			case <-r.Context().Done(): // the courier has waited long enough
				t.Error("another account's event waits for a slow one")
			}
		}
		w := o.listens(rc)
		o.account(1000)
		o.run(w)
		if got := rc.parcels(); len(got) != 2 || got[1].account != string(other) {
			t.Errorf("received %+v", got)
		}
	})
}

// Proves that turns go on where a job or a full round has ended: each account is sent one event before any is sent a
// second one, but for those under way.
func TestTurnsGoOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		accounts int // in one round
		jobs     bool
	}{{"InTheNextJob", 500, true}, {"InTheNextRound", 9, false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachOffice(t, func(o *office) {
				const accounts, each = 18, 5
				var begun atomic.Bool
				rc := newReceiver(o.t, func(int, http.ResponseWriter, *http.Request) {
					if c.jobs && begun.CompareAndSwap(false, true) {
						o.ahead.Add(int64(21 * time.Second)) // the job's time is up
					}
				})
				w := o.listens(rc)
				for range accounts {
					id := o.account(1000)
					for range each - 1 { // the grant is an event too
						o.spend(id, 1)
					}
				}
				o.courier.Rounds(c.accounts)
				for next := o.run(w); next != nil; next = o.run(w) {
					begun.Store(false)
				}
				got, seen, last := rc.parcels(), map[string]bool{}, 0
				for n, p := range got {
					if !seen[p.account] {
						seen[p.account], last = true, n
					}
				}
				if last >= accounts+8 || len(got) != accounts*each {
					o.t.Errorf("%d of %d events came before an account's first", last, len(got))
				}
			})
		})
	}
}
