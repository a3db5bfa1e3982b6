package checkout

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/stripegw"
)

const stripePrices = `{"object":"list","data":[{"id":"price_2","active":true,"lookup_key":"pointsync_pro",
	"product":"pointsync_pro","unit_amount":1900,"currency":"usd",
	"recurring":{"interval":"month","interval_count":1}}]}`

// memory is a Stripe with prepared replies, by "GET /v1/path". It records each request and its key.
type memory struct {
	answers map[string]string
	mu      sync.Mutex
	asked   []string
}

func (m *memory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	call := r.Method + " " + r.URL.Path
	answer, known := m.answers[call]
	if r.Method != http.MethodGet {
		_ = r.ParseForm()
		form, _ := url.QueryUnescape(r.PostForm.Encode())
		call += " " + form + " " + r.Header.Get("Idempotency-Key")
	}
	m.asked = append(m.asked, call)
	w.Header().Set("Content-Type", "application/json")
	if !known {
		w.WriteHeader(http.StatusForbidden)
		answer = `{"error":{"type":"invalid_request_error","message":"no"}}`
	}
	_, _ = w.Write([]byte(answer))
}

// remembering returns a service whose Stripe has prepared replies. It has no database.
func remembering(t *testing.T, answers map[string]string) (*Service, *memory) {
	t.Helper()
	m := &memory{answers: answers}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	g, err := stripegw.New(stripegw.Options{Key: "sk_test_123", BaseURL: server.URL, MaxRetries: -1})
	if err != nil {
		t.Fatal(err)
	}
	return &Service{stripe: g}, m
}

func at(hour int) time.Time { return time.Date(2030, time.March, 10, hour, 0, 0, 0, time.UTC) }
