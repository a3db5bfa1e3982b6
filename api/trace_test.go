package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/trace/tracetest"
)

// forest is the spans of a test, by the path of names that leads to each from the root of its trace.
type forest map[string][]tracetest.Span

func forestOf(spans []tracetest.Span) forest {
	byID, f := map[string]tracetest.Span{}, forest{}
	for _, s := range spans {
		byID[s.ID] = s
	}
	for _, s := range spans {
		path := s.Name
		for at, ok := byID[s.Parent]; ok; at, ok = byID[at.Parent] {
			path = at.Name + " > " + path
		}
		f[path] = append(f[path], s)
	}
	return f
}

// one returns a span at a path, which may end in * for any end.
func (f forest) one(t *testing.T, path string) tracetest.Span {
	t.Helper()
	begin, open := strings.CutSuffix(path, "*")
	for at, spans := range f {
		if at == path || open && strings.HasPrefix(at, begin) {
			return spans[0]
		}
	}
	var all []string
	for at := range f {
		all = append(all, at)
	}
	slices.Sort(all)
	t.Fatalf("there is no span %s; there are\n%s", path, strings.Join(all, "\n"))
	return tracetest.Span{}
}

// TestPurchaseIsTraced proves that a purchase and a spend outside the window can be followed: from the request to its
// statements and its calls of Stripe, and from the webhook to the job, the sync and the stream that is told. A sync
// links to the requests that brought its events. No span has an email, a value of a statement, an id of a customer at
// Stripe, or a secret.
func TestPurchaseIsTraced(t *testing.T) {
	t.Parallel()
	storetest.EachDialect(t, func(t *testing.T, dialect store.Dialect) {
		receiver := tracetest.New(t)
		w := newTracedWorld(t, storetest.URL(t, dialect), receiver.Tracer(t))
		c := w.user(t)
		stream := c.follow(t, w.url, "")
		stream.next()
		const caller, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
		c.pay(c.call(
			http.StatusCreated, http.MethodPost, "/checkout", map[string]any{"item": "pack_100"},
			"traceparent", "00-"+caller+"-"+span+"-01",
		))
		stream.until(100)
		w.Flush()
		c.waitFor("it is told", func() bool { return c.series("pointsync_event_told_seconds_count") >= 1 })
		c.spend(http.StatusOK, 1)
		c.waitFor("the jobs are done", func() bool {
			var n int
			row := w.db.SQL().QueryRowContext(
				t.Context(), "SELECT count(*) FROM river_job WHERE kind = 'sync' AND finalized_at IS NULL",
			)
			return row.Scan(&n) == nil && n == 0
		})
		must(t, w.tracer.Close(t.Context()))
		spans := receiver.Spans()
		f := forestOf(spans)

		bought := f.one(t, "POST /checkout")
		c.expect(bought.Trace == caller && bought.Parent == span, "the caller's trace continues: %v", bought)
		c.expect(
			bought.Attributes["http.response.status_code"] == "201" &&
				bought.Attributes["service.name"] == "pointsync" &&
				bought.Attributes["pointsync.account.id"] == c.claims().text("sub"), "its attributes: %v", bought,
		)
		f.one(t, "POST /checkout > POST /v1/checkout/sessions")
		f.one(t, "POST /checkout > transaction > INSERT orders")

		f.one(t, "POST /webhook > transaction > INSERT inbox_events")
		const sync = "POST /webhook > send sync > process sync > sync"
		f.one(t, sync+" > sync fetch > GET /v1/*")
		f.one(t, sync+" > sync apply > transaction > UPDATE accounts")
		f.one(t, "POST /webhook > tell the stream")
		began := f.one(t, sync+" > sync begin")
		c.expect(slices.ContainsFunc(f["POST /webhook"], func(s tracetest.Span) bool {
			return slices.Contains(began.Links, s.ID)
		}), "a sync links to the webhooks that caused it: %v", began)

		f.one(t, "POST /points/spend > sync > sync fetch > GET /v1/*")
		f.one(t, "POST /points/spend > shared transaction")
		for _, s := range spans {
			for _, secret := range []string{c.email, "cus_", "whsec_", "127.0.0.1:", password, "sk_test"} {
				c.expect(!strings.Contains(s.Raw, secret), "a span has %s: %s", secret, s.Raw)
			}
		}
	})
}
