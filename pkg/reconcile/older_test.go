package reconcile_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
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
