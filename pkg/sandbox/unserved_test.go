package sandbox_test

import (
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// This test proves that the sandbox distinguishes an address that Stripe has from one that does not exist. The caller
// of the first is not wrong, and learns that only the sandbox does not serve it.
func TestUnservedAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	for _, each := range []string{
		"GET /v1/issuing/cards", "POST /v1/payouts/po_1/cancel", "GET /v1/application_fees/fee_1/refunds/fr_1",
		"DELETE /v1/radar/value_lists/rsl_1",
	} {
		method, path, _ := strings.Cut(each, " ")
		if status, _, _, message := w.refusal(method, path, ""); status != 400 ||
			message != "The sandbox does not act out "+each+": see docs/sandbox.md." {
			t.Errorf("%s: %d %s", each, status, message)
		}
	}
	for _, each := range []string{
		"GET /v1/nothing", "PUT /v1/customers", "DELETE /v1/issuing/cards", "GET /v1/issuing/cards/",
		"GET /v1/payouts/po_1/cancel", "GET /v1/",
	} {
		method, path, _ := strings.Cut(each, " ")
		if status, _, _, message := w.refusal(method, path, ""); status != 404 || !strings.HasPrefix(
			message, "Unrecognized request URL",
		) {
			t.Errorf("%s: %d %s", each, status, message)
		}
	}
}

func TestAccountByID(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	id := w.object("GET", "/v1/account", "")["id"].(string)
	if got := w.object("GET", "/v1/accounts/"+id, ""); got["id"] != id {
		t.Fatalf("it answers %v", got)
	}
	if status, code, _, _ := w.refusal(
		"GET", "/v1/accounts/acct_another", "",
	); status != 403 || code != "account_invalid" {
		t.Fatalf("another's account: %d %s", status, code)
	}
}
