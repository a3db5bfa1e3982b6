package stripegw_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

const hook = "https://shop.example/webhook"

func endpoint(id, url, version, status string, events ...string) string {
	return fmt.Sprintf(`{"id":%q,"object":"webhook_endpoint","url":%q,"api_version":%s,"status":%q,"enabled_events":["%s"]}`,
		id, url, version, status, strings.Join(events, `","`))
}

const pinned = `"2023-10-16"`

// endpointCases are what exists at Stripe, and what EnsureEndpoint then writes, reports or refuses.
var endpointCases = map[string]struct {
	present []string
	writes  []string // path and form of each write
	changes []string // a part of each
	secret  string
	code    billing.Code
	says    string
}{
	"Absent": {
		present: []string{endpoint("we_0", hook+"2", pinned, "enabled", stripegw.EventTypes...)},
		writes:  []string{"/v1/webhook_endpoints api_version=2023-10-16"},
		changes: []string{"we_new created"}, secret: "whsec_1",
	},
	"AsWanted": {present: []string{endpoint("we_1", hook, pinned, "enabled", stripegw.EventTypes...)}},
	"Star":     {present: []string{endpoint("we_1", hook, pinned, "enabled", "*")}},
	"MoreThanWanted": {
		present: []string{
			endpoint("we_1", hook, pinned, "enabled", append(slices.Clone(stripegw.EventTypes), "product.created")...),
		},
	},
	"EventsMissing": {
		present: []string{
			endpoint(
				"we_1", hook, pinned, "enabled", append([]string{"product.created"}, stripegw.EventTypes[1:]...)...,
			),
		},
		writes:  []string{"/v1/webhook_endpoints/we_1 enabled_events=product.created"},
		changes: []string{stripegw.EventTypes[0]},
	},
	"Disabled": {
		present: []string{endpoint("we_1", hook, pinned, "disabled", stripegw.EventTypes...)},
		writes:  []string{"/v1/webhook_endpoints/we_1 disabled=false"},
		changes: []string{"enabled again"},
	},
	"OtherVersion": {
		present: []string{endpoint("we_1", hook, `"2025-03-31.basil"`, "enabled", stripegw.EventTypes...)},
		code:    billing.EConflict,
		says:    "API version 2025-03-31.basil instead of 2023-10-16. Stripe cannot change that on an endpoint: delete it",
	},
	"DefaultVersion": {
		present: []string{endpoint("we_1", hook, `null`, "enabled", stripegw.EventTypes...)},
		code:    billing.EConflict, says: "the account's default API version",
	},
	"Two": {
		present: []string{
			endpoint("we_1", hook, pinned, "enabled", stripegw.EventTypes...),
			endpoint("we_2", hook, pinned, "enabled", stripegw.EventTypes...),
		},
		code: billing.EConflict, says: "we_1, we_2",
	},
}

// An endpoint is created once, corrected if an update can do it, and reported if none can.
func TestEnsureEndpoint(t *testing.T) {
	t.Parallel()
	for name, test := range endpointCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var writes []string
			g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == "GET" {
					answer(w, 200, list(false, test.present...))
					return
				}
				r.ParseForm()
				var form []string
				for _, key := range []string{"api_version", "disabled", "enabled_events[0]"} {
					if v := r.PostForm.Get(key); v != "" {
						form = append(form, strings.TrimSuffix(key, "[0]")+"="+v)
					}
				}
				writes = append(writes, r.URL.Path+" "+strings.Join(form, " "))
				answer(w, 200, `{"id":"we_new","secret":"whsec_1"}`)
			})
			result, err := g.EnsureEndpoint(t.Context(), hook)
			if billing.CodeOf(err) != test.code || (err != nil && !strings.Contains(err.Error(), test.says)) {
				t.Fatalf("got %v", err)
			}
			if result.Secret != test.secret || len(result.Changes) != len(test.changes) ||
				len(writes) != len(test.writes) {
				t.Fatalf("got %+v and %q", result, writes)
			}
			for i := range test.changes {
				if !strings.Contains(
					string(result.Changes[i]), test.changes[i],
				) || !strings.HasPrefix(writes[i], test.writes[i]) {
					t.Errorf("got %q and %q", result.Changes[i], writes[i])
				}
			}
		})
	}
	t.Run("NotAnAddress", func(t *testing.T) {
		t.Parallel()
		g := newGateway(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("%s was asked", r.URL) })
		for _, url := range []string{"", "shop.example/webhook", "ftp://shop.example"} {
			if _, err := g.EnsureEndpoint(t.Context(), url); billing.CodeOf(err) != billing.EInvalid {
				t.Errorf("%q: got %v", url, err)
			}
		}
	})
}
