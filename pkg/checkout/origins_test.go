package checkout

import (
	"errors"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
)

// TestOrigins proves that customers are sent only to allowed origins, however an address is disguised. The address is
// passed on as it was sent.
func TestOrigins(t *testing.T) {
	t.Parallel()
	origins := billing.Origins{"https://app.example.com", "http://localhost:3000"}
	for _, address := range []string{
		"https://app.example.com", "https://app.example.com/", "https://app.example.com/paid?order={ORDER_ID}#top",
		"http://localhost:3000/a/b",
		"https://app.example.com/?next=https://evil.example", "https://app.example.com/@evil.example",
	} {
		if got, err := resolve(origins, "/success_url", address, "/"); got != address || err != nil {
			t.Errorf("%q became %q, %v", address, got, err)
		}
	}
	if got, err := resolve(origins, "/success_url", "", "/?x"); got != "https://app.example.com/?x" || err != nil {
		t.Errorf("the default is %q, %v", got, err)
	}
	for _, address := range []string{
		"https://evil.example/", "https://evil.example/https://app.example.com", "http://app.example.com/",
		"https://app.example.com.evil.example/",
		"https://evil-app.example.com/", "https://xapp.example.com/", "https://app.example.com:444/",
		"https://app.example.com:443/",
		"https://app.example.com@evil.example/", "https://app.example.com:pass@evil.example/",
		"https://u@app.example.com/", "https://u:p@app.example.com/",
		`https://app.example.com\@evil.example/`, `https:\\app.example.com`, "//app.example.com/", "/paid", "paid",
		"app.example.com/paid", "?a=b", "#a",
		"javascript:alert(1)", "javascript://app.example.com/%0aalert(1)", "data:text/html,x", "file:///etc/passwd",
		"https:app.example.com", "https:///app.example.com",
		"https://app.example.com\t.evil.example/", "https://app.example.com/\nSet-Cookie: a=b",
		" https://app.example.com/", "https://app.example.com /",
		"https://APP.example.com/", "https://app.example.com./", "https://аpp.example.com/", "https://[::1]/",
		"http://localhost:3001/", "http://localhost/", "null", "*",
	} {
		got, err := resolve(origins, "/success_url", address, "/")
		var refused *billing.Error
		if !errors.As(err, &refused) || refused.Code != billing.EInvalid || len(refused.Fields) != 1 ||
			refused.Fields[0].Pointer != "/success_url" {
			t.Errorf("%q became %q, %v", address, got, err)
		}
	}
}
