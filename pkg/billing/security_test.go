package billing_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
)

// notSecurity are the kinds of an admin's action that are no security event, and why.
var notSecurity = map[string]string{
	"sync": "it only reads Stripe", "replay": "it only reads Stripe",
	"key.create": "making the key reports it", "key.revoke": "revoking the key reports it",
}

// TestSecurityKinds proves that each kind of an admin's action is a security event, except the kinds above, and that
// docs/operations/logs.md lists each kind of event.
func TestSecurityKinds(t *testing.T) {
	t.Parallel()
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	actions := regexp.MustCompile(`ActionKind += "([^"]+)"`).FindAllStringSubmatch(read("admin.go"), -1)
	for _, a := range actions {
		action := billing.AdminAction{Action: billing.ActionKind(a[1])}
		if e, ok := billing.SecurityEventOf(action); (!ok || e.Kind == "") == (notSecurity[a[1]] == "") {
			t.Errorf("the action %s is the security event %q; %s", a[1], e.Kind, notSecurity[a[1]])
		}
	}
	page := read("../../docs/operations/logs.md")
	kinds := regexp.MustCompile(`SecurityKind += "([^"]+)"`).FindAllStringSubmatch(read("security.go"), -1)
	for _, k := range kinds {
		if !strings.Contains(page, "`"+k[1]+"`") {
			t.Errorf("the page does not list %s", k[1])
		}
	}
	if len(actions) < 10 || len(kinds) < 15 {
		t.Errorf("%d actions and %d kinds were found", len(actions), len(kinds))
	}
}
