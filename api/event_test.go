package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
)

// sign returns the header that Stripe would send with a body.
func sign(body, secret string, at time.Time) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "." + body))
	return "t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// event returns an event that Stripe might send about a customer.
func event(id, customer string) string {
	return fmt.Sprintf(`{"id":%q,"object":"event","type":"customer.updated","api_version":"2025-03-31.basil","created":1700000000,
		"livemode":false,"data":{"object":{"id":%q,"object":"customer"}}}`, id, customer)
}

// ring sends a body as Stripe would, signed at the given time.
func (w *world) ring(t testing.TB, want int, body, secret string, at time.Time) answer {
	t.Helper()
	stripe := &client{t: t, w: w}
	return stripe.call(want, http.MethodPost, "/webhook", body, "Stripe-Signature", sign(body, secret, at))
}

// TestWebhook proves that an event that the sandbox signs is received end to end and fulfils an order that no one asks
// about. A known event is accepted. An event that Stripe did not sign recently is refused.
func TestWebhook(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, w *world) {
		c := w.user(t)
		made := c.call(http.StatusCreated, http.MethodPost, "/checkout", map[string]any{"item": "pack_100"})
		c.pay(made)
		w.Flush()
		c.awaitPoints(100)

		now := w.Now()
		w.ring(t, http.StatusOK, event("evt_1", "cus_of_somebody"), w.secret, now)
		w.ring(t, http.StatusOK, event("evt_1", "cus_of_somebody"), w.secret, now)
		w.ring(t, http.StatusOK, event("evt_2", "cus_of_somebody"), "whsec_being_rolled", now)
		stored, err := w.db.Event(t.Context(), "evt_1")
		if err != nil || stored.Status != billing.InboxIgnored {
			t.Errorf("an event about nobody of ours is kept and ignored: %+v, %v", stored, err)
		}
		t.Run("Tolerance", func(t *testing.T) { w.holdsTheTolerance(t) })
		t.Run("ErrInvalid", func(t *testing.T) { w.refusesBadSignatures(t) })
		t.Run("ErrTooLarge", func(t *testing.T) {
			large := event("evt_large", strings.Repeat("x", 600<<10))
			if a := w.ring(
				t, http.StatusRequestEntityTooLarge, large, w.secret, now,
			); a.text("type") != "/problems/payload-too-large" {
				t.Errorf("got %s", a.raw)
			}
		})
	})
}

// awaitPoints waits until a webhook's job has granted points. It reads the database, because nothing else may sync.
func (c *client) awaitPoints(want int) {
	c.t.Helper()
	deadline := time.After(20 * time.Second)
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-deadline:
			c.t.Fatalf("%d points did not come", want)
		case <-look.C:
		}
		if c.call(http.StatusOK, http.MethodGet, "/points", nil).number("available") == want {
			return
		}
	}
}

func (w *world) holdsTheTolerance(t *testing.T) {
	for offset, want := range map[time.Duration]int{
		-290 * time.Second: http.StatusOK, 290 * time.Second: http.StatusOK,
		-310 * time.Second: http.StatusBadRequest, 310 * time.Second: http.StatusBadRequest,
	} {
		w.ring(t, want, event("evt_"+strconv.Itoa(int(offset.Seconds())), "cus_x"), w.secret, w.Now().Add(offset))
	}
}

func (w *world) refusesBadSignatures(t *testing.T) {
	body := event("evt_bad", "cus_x")
	good := sign(body, w.secret, w.Now())
	stamp, mac, _ := strings.Cut(good, ",")
	stripe := &client{t: t, w: w}
	for name, header := range map[string]string{
		"another secret": sign(body, "whsec_of_somebody_else", w.Now()),
		"empty secret":   sign(body, "", w.Now()),
		"another body":   sign(body+" ", w.secret, w.Now()),
		"no signature":   stamp,
		"no time":        mac,
		"two times":      stamp + "," + good,
		"garbage":        "whatever",
		"not hex":        stamp + ",v1=zz",
		"empty":          "",
		"old scheme":     strings.Replace(good, "v1=", "v0=", 1),
		"later time":     strings.Replace(good, "t=", "t=1", 1),
		"signed time":    strings.Replace(good, "t=", "t=+", 1),
	} {
		a := stripe.call(http.StatusBadRequest, http.MethodPost, "/webhook", body, "Stripe-Signature", header)
		if a.text("type") != "/problems/validation" {
			t.Errorf("%s: %s", name, a.raw)
		}
	}
	stripe.call(http.StatusBadRequest, http.MethodPost, "/webhook", body)
	metrics := string(stripe.call(http.StatusOK, http.MethodGet, "/metrics", nil).raw)
	stripe.expect(
		strings.Contains(metrics, "\npointsync_webhooks_refused_total 1\n"),
		"what fits no secret is counted, once in a minute: %s", metrics,
	)
	if _, err := w.db.Event(t.Context(), "evt_bad"); billing.CodeOf(err) != billing.ENotFound {
		t.Errorf("a refused event is not stored: %v", err)
	}
	for _, signed := range []string{"", "null", "[]", "{}", "not JSON", `{"object":"event"}`} {
		w.ring(t, http.StatusBadRequest, signed, w.secret, w.Now())
	}
	const strange = `{"id":"evt_\u0000","object":"event","type":"a"}`
	w.ring(t, http.StatusOK, strange, w.secret, w.Now()) // it is signed
}

// TestDatabaseDown proves what happens while the database is unreachable. Stripe is told to send again, no one gets a
// 500, and the process still reports that it is alive. It recovers by itself.
func TestDatabaseDown(t *testing.T) {
	t.Parallel()
	wire := storetest.NewWire(t, storetest.URL(t, store.Postgres))
	w := newWorld(t, wire.URL)
	c := w.user(t)
	wire.Cut()
	w.ring(t, http.StatusServiceUnavailable, event("evt_1", "cus_x"), w.secret, w.Now())
	c.call(http.StatusOK, http.MethodGet, "/healthz", nil)
	c.call(http.StatusServiceUnavailable, http.MethodGet, "/readyz", nil)
	c.call(http.StatusServiceUnavailable, http.MethodGet, "/session", nil)
	problem := c.spend(http.StatusServiceUnavailable, 1)
	c.expect(problem.text("type") == "/problems/unavailable", "the problem says so: %s", problem.raw)
	wire.Restore()
	// A caller who gets a pooled connection that ended unnoticed is told to retry once more.
	recovers := func(what string, ask func() (answer, error)) {
		c.waitFor(what, func() bool {
			a, err := ask()
			must(t, err)
			c.expect(
				a.status == http.StatusOK || a.status == http.StatusServiceUnavailable,
				"%s is answered, or wanted again: %s", what, a.raw,
			)
			return a.status == http.StatusOK
		})
	}
	recovers("the webhook", func() (answer, error) {
		body := event("evt_1", "cus_x")
		return c.do(http.MethodPost, "/webhook", body, "Stripe-Signature", sign(body, w.secret, w.Now()))
	})
	recovers("readiness", func() (answer, error) { return c.do(http.MethodGet, "/readyz", nil) })
	c.waitFor("the event that was taken", func() bool {
		_, err := w.db.Event(t.Context(), "evt_1")
		return err == nil
	})
}
