package outbox_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/outbox"
)

var discard = slog.New(slog.DiscardHandler)

func logTo(out io.Writer) *slog.Logger { return slog.New(slog.NewJSONHandler(out, nil)) }

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return string(b)
}

// Proves which addresses an endpoint may have: https on the internet, and others only if they are allowed.
func TestAddresses(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		strict := outbox.NewPost(o.db, false)
		for url, where := range map[string]string{ // s: strict, l: where local is allowed
			"https://example.com/hook": "sl", "https://example.com:8443/a?b=c": "sl", "http://example.com/": "l",
			"http://127.0.0.1:9/": "l", "https://10.0.0.1/": "l",
			"https://localhost/": "l", "https://[::1]/": "l", "ftp://example.com": "", "https://": "",
			"example.com": "", "": "", "https://u:p@example.com": "",
			"https://u@example.com": "", "https://example.com/#x": "", "mailto:a@example.com": "",
			"https://example.com/" + strings.Repeat("x", 2000): "", "//example.com": "",
		} {
			for post, letter := range map[*outbox.Post]string{strict: "s", o.post: "l"} {
				w, err := post.Add(context.Background(), "", outbox.Endpoint{URL: url})
				if (err == nil) != strings.Contains(where, letter) ||
					err != nil && billing.CodeOf(err) != billing.EInvalid {
					t.Errorf("%s in mode %s: %v", url, letter, err)
				}
				if err == nil {
					must(t, post.Remove(context.Background(), "", w.ID))
				}
			}
		}
	})
}

// Proves the fields of an endpoint, that it can be changed, and that it cannot be changed after it is deleted.
func TestWebhook(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		ctx := context.Background()
		w := o.add("https://example.com/hook", billing.OutPointsSpent, billing.OutPointsLow, billing.OutPointsSpent)
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(w.Secret.Reveal(), "whsec_"))
		if err != nil || len(key) != 32 || !strings.HasPrefix(w.Secret.Reveal(), "whsec_") {
			t.Errorf("the secret has %d bytes, %v", len(key), err)
		}
		if len(w.Types) != 2 || len(o.webhook(w).Types) != 2 || o.webhook(w).Secret != w.Secret {
			t.Errorf("%+v", o.webhook(w))
		}
		if _, err := o.post.Add(
			ctx, "", outbox.Endpoint{URL: w.URL, Types: []billing.OutgoingType{billing.OutTest}},
		); billing.CodeOf(err) != billing.EInvalid {
			t.Errorf("a type that nobody can ask for: %v", err)
		}
		w, err = o.post.Change(ctx, "", w.ID, outbox.Endpoint{URL: "https://example.com/new"})
		if must(t, err); w.Types != nil || o.webhook(w).URL != "https://example.com/new" || o.webhook(w).Secret == "" {
			t.Errorf("%+v", w)
		}
		must(t, o.post.Remove(ctx, "", w.ID))
		_, change := o.post.Change(ctx, "", w.ID, outbox.Endpoint{URL: w.URL})
		_, roll := o.post.Roll(ctx, "", w.ID)
		_, test := o.post.Test(ctx, w.ID)
		_, resend := o.post.Resend(ctx, w.ID, "msg_1")
		for _, err := range []error{change, roll, test, resend, o.post.Remove(ctx, "", w.ID)} {
			if billing.CodeOf(err) != billing.ENotFound {
				t.Errorf("of an endpoint that is gone: %v", err)
			}
		}
		if _, err := o.post.Resend(ctx, o.add(w.URL).ID, "msg_1"); billing.CodeOf(err) != billing.ENotFound {
			t.Errorf("an event that was never sent: %v", err)
		}
	})
}

// Proves that each change of an endpoint is noted with who made it, in the same transaction. The note stays when the
// endpoint is deleted. A refused change leaves no note. No secret and no path of an address is stored.
func TestDeeds(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		ctx, admin := context.Background(), billing.AdminID(o.account(0))
		w, err := o.post.Add(
			ctx, admin,
			outbox.Endpoint{
				URL:   "https://example.com/very-secret",
				Types: []billing.OutgoingType{billing.OutPointsSpent, billing.OutPointsLow},
			},
		)
		must(t, err)
		o.clock.Advance(time.Second)
		_, err = o.post.Change(ctx, "", w.ID, outbox.Endpoint{URL: "https://example.org:8443/?token=very-secret"})
		must(t, err)
		o.clock.Advance(time.Second)
		_, err = o.post.Roll(ctx, admin, w.ID)
		must(t, err)
		rename := func(from, to string) {
			_, err := o.db.SQL().Exec("ALTER TABLE " + from + " RENAME TO " + to)
			must(t, err)
		}
		rename("system_actions", "out_of_reach")
		if _, err := o.post.Change(
			ctx, admin, w.ID, outbox.Endpoint{URL: "https://example.net"},
		); err == nil || o.webhook(w).URL == "https://example.net" {
			t.Errorf("a deed that cannot be noted is done: %v", err)
		}
		rename("out_of_reach", "system_actions")
		o.clock.Advance(time.Second)
		must(t, o.post.Remove(ctx, admin, w.ID))
		_, add := o.post.Add(ctx, admin, outbox.Endpoint{URL: "nowhere"})
		_, roll := o.post.Roll(ctx, admin, w.ID)
		if remove := o.post.Remove(ctx, admin, w.ID); add == nil || roll == nil || remove == nil {
			t.Errorf("not refused: %v, %v, %v", add, roll, remove)
		}
		deeds, err := o.db.WebhookActions(ctx, 10)
		must(t, err)
		var got []string
		for _, d := range slices.Backward(deeds) {
			if d.Subject != string(w.ID) || d.AccountID != "" || d.CreatedAt.IsZero() {
				t.Errorf("%+v", d)
			}
			got = append(got, fmt.Sprintf("%s by %q: %s", d.Action, d.AdminID, d.Reason))
		}
		want := []string{
			fmt.Sprintf(
				"webhook.add by %q: example.com: points.low, points.spent", admin,
			), `webhook.change by "": example.org:8443: everything`,
			fmt.Sprintf("webhook.roll by %q: example.org:8443: everything", admin), fmt.Sprintf(
				"webhook.remove by %q: example.org:8443: everything", admin,
			),
		}
		if !slices.Equal(got, want) {
			t.Errorf("noted %q, want %q", got, want)
		}
	})
}

// Proves that a test event goes to the endpoint for which it was requested, and to no other, whatever they subscribed
// to.
func TestTest(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		rc := newReceiver(t, nil)
		w, other := o.listens(rc, billing.OutPointsLow), o.add("https://example.com")
		d, err := o.post.Test(context.Background(), w.ID)
		must(t, err)
		o.run(w)
		got := rc.parcels()
		if len(got) != 1 || got[0].valid != nil || got[0].body["type"] != "webhook.test" || got[0].id != string(d.ID) ||
			len(o.sent(other)) != 0 {
			t.Errorf("received %+v", got)
		}
	})
}

// Proves that there are never more endpoints than the limit, even if many are made at once.
func TestMaxWebhooks(t *testing.T) {
	t.Parallel()
	eachOffice(t, func(o *office) {
		var all sync.WaitGroup
		var refused atomic.Int64
		for range outbox.MaxWebhooks + 4 {
			all.Go(func() {
				_, err := o.post.Add(context.Background(), "", outbox.Endpoint{URL: "https://example.com"})
				if billing.CodeOf(err) == billing.EConflict {
					refused.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if hooks, err := o.db.Webhooks(context.Background()); err != nil || len(hooks) != outbox.MaxWebhooks ||
			refused.Load() != 4 {
			t.Errorf("%d webhooks, %d refused, %v", len(hooks), refused.Load(), err)
		}
	})
}
