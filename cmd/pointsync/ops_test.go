package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/store"
	"github.com/pointsync/pointsync/pkg/store/storetest"
	"github.com/pointsync/pointsync/pkg/token"
	"github.com/pointsync/pointsync/pkg/trace/tracetest"
)

// TestServeOpsAddress proves that the setting gives the operator's routes an address of their own. An address that is
// taken ends the start with one sentence, and a signal ends both. Requests are traced if the environment says so: the
// last traces are exported at the end, and log lines have their ids.
func TestServeOpsAddress(t *testing.T) {
	t.Parallel()
	stripe := newSandbox(t)
	p := program{t: t}.with("DATABASE_URL="+storetest.Empty(t, store.SQLite), "STRIPE_SECRET_KEY=sk_test_123",
		"STRIPE_API_BASE="+stripe, "POINTSYNC_CATALOG="+catalogPath(t),
		"POINTSYNC_SIGNING_KEYS="+token.GenerateKey("a"), "POINTSYNC_ADDR=127.0.0.1:0",
		"POINTSYNC_ALLOWED_ORIGINS=https://app.example.com", "STRIPE_WEBHOOK_SECRET=whsec_notyetknownq7Lx2VbT9mKdR4w")
	p.run(0, "migrate")
	taken := strings.TrimPrefix(stripe, "http://")
	said := p.with("POINTSYNC_OPS_ADDR="+taken).run(1, "serve")
	if !strings.Contains(said, "POINTSYNC_OPS_ADDR: listen tcp "+taken) {
		t.Errorf("an address that is taken: %s", said)
	}
	traces := tracetest.New(t)
	r := p.with("POINTSYNC_OPS_ADDR=127.0.0.1:0", "OTEL_EXPORTER_OTLP_ENDPOINT="+traces.URL).serve()
	found := regexp.MustCompile(`"ops_addr":"([^"]+)"`).FindStringSubmatch(r.said.String())
	if found == nil {
		t.Fatalf("the log does not say where it listens: %s", r.said)
	}
	for url, want := range map[string]int{
		r.url + "/catalog": 200, r.url + "/metrics": 404, r.url + "/readyz": 200,
		"http://" + found[1] + "/metrics":          200,
		"http://" + found[1] + "/debug/pprof/heap": 200, "http://" + found[1] + "/readyz": 200,
	} {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", url, resp.StatusCode, want)
		}
	}
	r.terminate()
	for _, s := range traces.Spans() {
		if s.Name == "GET /catalog" && strings.Contains(r.said.String(), `"trace_id":"`+s.Trace+`"`) {
			return
		}
	}
	t.Errorf("a request is not traced: %v, %s", traces.Spans(), r.said)
}
