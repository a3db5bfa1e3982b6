package reconcile_test

import (
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/housetest"
)

// Proves that an older picture is never applied after a newer one. The newer one may have the lower ticket, because its
// requests reached Stripe late. The first sync takes its ticket. The second one takes the next, and sees the
// subscription before the change. The subscription changes, and only then does the first one read it. The first sync is
// applied first, and then the second. The second must not undo what the first one saw: another period, the number of
// seats, the customer's request to cancel, or the end.
func TestOlderPictureOfALaterTicket(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(w *world, id string)
		want   func(s *billing.Subscription) bool
	}{
		"Period": {func(w *world, id string) {
			w.Ask(
				http.MethodPost, "/v1/subscriptions/"+id,
				url.Values{"billing_cycle_anchor": {"now"}, "proration_behavior": {"none"}},
			)
		}, func(s *billing.Subscription) bool { return s.Status == billing.SubActive }},
		"Seats": {func(w *world, id string) {
			w.changeItem(id, url.Values{"items[0][quantity]": {"2"}, "proration_behavior": {"none"}})
		}, func(s *billing.Subscription) bool { return s.Quantity == 2 }},
		"Cancels": {func(w *world, id string) {
			w.Ask(http.MethodPost, "/v1/subscriptions/"+id, url.Values{"cancel_at_period_end": {"true"}})
		}, func(s *billing.Subscription) bool { return s.CancelAtPeriodEnd }},
		"Ended": {func(w *world, id string) {
			w.Ask(http.MethodDelete, "/v1/subscriptions/"+id, nil)
		}, func(s *billing.Subscription) bool { return s.Status == billing.SubCanceled }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachWorld(t, func(w *world) {
				a, id := w.subscriber()
				w.Advance(48 * time.Hour)
				customer, told := string(a.CustomerID), make(chan error)
				sync := func() {
					_, err := w.syncer.Sync(w.t.Context(), a.ID, billing.CauseEvent)
					told <- err
				}
				late := w.Gate.Delay(customer)
				go sync()
				late.Wait(w.t, picture)
				w.Gate.Pass(customer)
				slow := w.Gate.Hold(customer)
				go sync()
				slow.Wait(w.t, picture)
				w.Gate.Pass(customer)
				c.change(w, id)
				late.Release()
				must(w.t, <-told)
				first := w.account(a.ID)
				if !c.want(first.Subscription) {
					w.t.Fatalf("the first sync saw %+v", first.Subscription)
				}
				slow.Release()
				must(w.t, <-told)
				now := w.account(a.ID)
				if !now.Subscription.Equal(first.Subscription) || now.Version != first.Version {
					w.t.Errorf("%+v was followed by %+v", first.Subscription, now.Subscription)
				}
				w.wantDrift(a)
			})
		})
	}
}

// Proves that a sync gives up after its third picture that may be older than an applied one, and takes no ticket that
// it does not use. Before each of its tickets an earlier sync is on its way, which is late, sees a change and is
// applied first.
func TestTooManyOlderPictures(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(w *world) {
		a, id := w.subscriber()
		customer := string(a.CustomerID)
		sync := func(done chan<- error) {
			_, err := w.syncer.Sync(w.t.Context(), a.ID, billing.CauseEvent)
			done <- err
		}
		early, last := make(chan error), make(chan error)
		begin := func() *housetest.Held {
			held := w.Gate.Delay(customer)
			go sync(early)
			held.Wait(w.t, picture)
			return held
		}
		late := begin()
		slow := w.Gate.Hold(customer)
		go sync(last)
		for seats := 2; seats <= 4; seats++ {
			slow.Wait(w.t, picture)
			w.Gate.Pass(customer)
			w.changeItem(id, url.Values{
				"items[0][quantity]": {strconv.Itoa(seats)}, "proration_behavior": {"none"},
			})
			late.Release()
			must(w.t, <-early)
			if got := w.account(a.ID).Subscription.Quantity; got != int64(seats) {
				w.t.Fatalf("%d seats, want %d", got, seats)
			}
			before := slow
			if seats < 4 {
				late, slow = begin(), w.Gate.Hold(customer)
			}
			before.Release()
		}
		if err := <-last; billing.CodeOf(err) != billing.EStripeUnavailable {
			w.t.Errorf("after three pictures: %v", err)
		}
		if n := w.account(a.ID).Sync.TicketIssued - a.Sync.TicketIssued; n != 6 {
			w.t.Errorf("%d tickets, want three for each", n)
		}
	})
}
