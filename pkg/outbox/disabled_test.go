package outbox_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/outbox"
	"github.com/pointsync/pointsync/pkg/store"
)

// Proves that a disabled endpoint is reported once, to the log and to the other endpoints that want to know, even if
// several events get a 410 at once. The endpoint itself is not told, and its address appears nowhere.
func TestDisabledIsTold(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		const events = 4
		together := make(chan struct{})
		gone := newReceiver(t, func(n int, out http.ResponseWriter, _ *http.Request) {
			if n == events-1 {
				close(together)
			}
			<-together
			out.WriteHeader(http.StatusGone)
		})
		gone.url += "?token=very-secret"
		told := newReceiver(t, nil)
		w, other := o.listens(gone), o.listens(told, billing.OutWebhookDisabled)
		deaf := o.add("https://example.com/low", billing.OutPointsLow)
		for range events {
			o.account(1000)
		}
		var log strings.Builder
		courier := outbox.NewCourier(o.db, true, o.wall, logTo(&log))
		_, _, err := courier.Run(context.Background(), w.ID)
		must(t, err)
		o.run(other)
		got := told.parcels()
		if len(got) != 1 || got[0].valid != nil || got[0].body["type"] != "webhook.disabled" || got[0].account != "" {
			t.Fatalf("the other endpoint received %+v", got)
		}
		about := got[0].body["data"].(map[string]any)["webhook"].(map[string]any)
		if about["id"] != string(w.ID) || about["reason"] != "it responded 410 Gone" || about["disabled_at"] == nil {
			t.Errorf("it was told %v", about)
		}
		if n := strings.Count(log.String(), `"level":"WARN","msg":"a webhook was disabled"`); n != 1 {
			t.Errorf("%d lines of the log: %s", n, log.String())
		}
		if strings.Contains(log.String()+asJSON(t, got[0].body), "very-secret") {
			t.Error("its address was told")
		}
		if slices.Contains(o.kinds(w, 0), billing.OutWebhookDisabled) || len(o.sent(deaf)) != 0 {
			t.Errorf("told too: itself of %v, who did not ask of %v", o.kinds(w, 0), o.kinds(deaf, 0))
		}
	})
}

// Proves that a response of an old address says nothing about a new one. A 410 or a request to wait that comes after
// the address was changed neither disables nor pauses the endpoint, and the event is sent to the new address.
func TestAddressChangedDuringAttempt(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		for _, status := range []int{http.StatusGone, http.StatusTooManyRequests} {
			moved := newReceiver(o.t, nil)
			var w billing.Webhook
			w = o.listens(newReceiver(o.t, func(_ int, out http.ResponseWriter, _ *http.Request) {
				_, err := o.post.Change(context.Background(), "", w.ID, outbox.Endpoint{URL: moved.url})
				if err != nil {
					o.t.Error(err)
				}
				out.Header().Set("Retry-After", "60")
				out.WriteHeader(status)
			}))
			moved.key = w.Secret
			o.account(1)
			o.run(w)
			o.run(w)
			if now := o.webhook(w); now.DisabledAt != nil || now.PausedUntil != nil || len(moved.parcels()) != 1 {
				o.t.Errorf("after %d: %d events at the new address, %+v", status, len(moved.parcels()), now)
			}
			must(o.t, o.post.Remove(context.Background(), "", w.ID))
		}
	})
}

// Proves that what an endpoint missed is sent again in bulk: what failed, what was written while it was disabled, or
// what it got, by time and type. Each event keeps its id and is sent once, however often that is asked for.
func TestResendMany(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		ctx := context.Background()
		rc := newReceiver(t, func(n int, out http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				out.WriteHeader(http.StatusGone)
			}
		})
		w := o.listens(rc)
		id := o.account(1000) // delivered
		o.run(w)
		o.clock.Advance(time.Hour)
		o.spend(id, 1) // failed
		o.run(w)
		o.clock.Advance(time.Hour)
		missed := o.db.Now()
		o.spend(id, 1)
		o.clock.Advance(time.Hour)
		o.grant(id, billing.Grant{Key: "missed", Source: "test", Amount: 1})
		_, err := o.post.ResendMany(ctx, "", w.ID, billing.DeliveryFilter{})
		if billing.CodeOf(err) != billing.EConflict {
			t.Errorf("to a disabled endpoint: %v", err)
		}
		_, err = o.post.Change(ctx, "", w.ID, outbox.Endpoint{URL: rc.url})
		must(t, err)
		resend := func(want int, f billing.DeliveryFilter) {
			t.Helper()
			if got, err := o.post.ResendMany(ctx, "", w.ID, f); err != nil || got.Events != want || got.Last != "" {
				t.Errorf("resent %+v, %v; want %d", got, err, want)
			}
		}
		hour, before := missed.Add(time.Hour), missed.Add(-2*time.Hour)
		resend(0, billing.DeliveryFilter{To: &before})
		resend(0, billing.DeliveryFilter{Types: []billing.OutgoingType{billing.OutPointsLow}})
		resend(1, billing.DeliveryFilter{From: &missed, To: &hour})
		resend(2, billing.DeliveryFilter{})
		resend(0, billing.DeliveryFilter{}) // they wait
		o.run(w)
		resend(0, billing.DeliveryFilter{}) // they arrived
		all := o.sent(w)
		var want, got []string
		for _, d := range all[1:] {
			want = append(want, string(d.ID))
		}
		for _, p := range rc.parcels()[2:] {
			got = append(got, p.id)
		}
		if len(all) != 4 || !slices.Equal(got, want) {
			t.Errorf("received %q, want %q", got, want)
		}
		o.clock.Advance(time.Hour)
		resend(2, billing.DeliveryFilter{
			Statuses: []billing.DeliveryStatus{billing.DeliveryDelivered},
			Types:    []billing.OutgoingType{billing.OutPointsGranted},
		})
		deeds, err := o.db.WebhookActions(ctx, 2)
		must(t, err)
		if deeds[0].Action != billing.ActionWebhookResend || !strings.HasSuffix(deeds[0].Reason, "sent again: 2") {
			t.Errorf("noted %+v", deeds[0])
		}
		for _, f := range []billing.DeliveryFilter{
			{From: &hour, To: &hour},
			{Statuses: []billing.DeliveryStatus{billing.DeliveryPending}},
			{Types: []billing.OutgoingType{billing.OutTest}},
		} {
			if _, err := o.post.ResendMany(ctx, "", w.ID, f); billing.CodeOf(err) != billing.EInvalid {
				t.Errorf("%+v: %v", f, err)
			}
		}
		_, err = o.post.ResendMany(ctx, "", "whk_gone", billing.DeliveryFilter{})
		if billing.CodeOf(err) != billing.ENotFound {
			t.Errorf("to no endpoint: %v", err)
		}
	})
}

// Proves that a bulk resend is limited, and that the next one continues after its last event.
func TestResendInPages(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		ctx, w := context.Background(), o.add("https://example.com")
		id := o.account(0)
		o.disable(w)
		for n := range 5 {
			o.grant(id, billing.Grant{Key: string(rune('a' + n)), Source: "test", Amount: 1})
		}
		f := billing.DeliveryFilter{Statuses: []billing.DeliveryStatus{billing.DeliveryMissed}}
		all := o.sent(w)
		for page, want := range []int{2, 2, 1, 0} {
			must(t, o.db.InTx(ctx, func(tx *store.Tx) error {
				n, last, err := tx.ResendDeliveries(ctx, w.ID, f, 2)
				if more := page < 2; n != want || (last != "") != more || more && last != all[2*page+1].ID {
					t.Errorf("page %d: %d events up to %q", page, n, last)
				}
				f.After = last
				return err
			}))
		}
	})
}
