package stripegw_test

import (
	"net/http"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Proves that a picture shows the invoices of earlier customers that events name, and all that Stripe lists if the
// whole history is wanted, also if the present customer was deleted. Each has its lines, and the end of its
// subscription. What Stripe has forgotten is left out, and any other refusal is an error.
func TestFetchFormerInvoices(t *testing.T) {
	t.Parallel()
	const invoice = `{"id":"in_1","object":"invoice","status":"paid","subscription":{"id":"sub_1","ended_at":110},
		"lines":{"data":[{"id":"il_1","amount":5}]}}`
	named := []billing.StripeObject{
		{Type: billing.ObjectInvoice, ID: "in_1"}, {Type: billing.ObjectInvoice, ID: "in_gone"},
	}
	g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
		switch customer := r.URL.Query().Get("customer"); {
		case r.URL.Path == "/v1/invoices/in_1":
			answer(w, 200, invoice)
		case r.URL.Path == "/v1/invoices/in_gone":
			refuse(w, 404, "invalid_request_error", "resource_missing", "id", "No such invoice")
		case r.URL.Path == "/v1/invoices/in_refused":
			refuse(w, 403, "invalid_request_error", "", "", "private words")
		case r.URL.Path == "/v1/customers/cus_gone":
			answer(w, 200, `{"id":"cus_gone","deleted":true}`)
		case customer == "cus_gone":
			refuse(w, 400, "invalid_request_error", "resource_missing", "customer", "No such customer")
		case r.URL.Path == "/v1/invoices" && customer == "cus_0":
			answer(w, 200, list(false, invoice))
		case r.URL.Path == "/v1/customers/cus_1":
			answer(w, 200, `{"id":"cus_1"}`)
		default:
			answer(w, 200, list(false))
		}
	})
	for name, want := range map[string]stripegw.Want{
		"named":          {Customer: "cus_1", Named: named},
		"all":            {Customer: "cus_1", AllCharges: true, Former: []billing.CustomerID{"cus_gone", "cus_0"}},
		"deleted, named": {Customer: "cus_gone", Named: named},
		"deleted, all":   {Customer: "cus_gone", AllCharges: true, Former: []billing.CustomerID{"cus_0"}},
	} {
		got, err := g.Fetch(t.Context(), want)
		deleted := want.Customer == "cus_gone"
		if err != nil || got.Deleted != deleted || len(got.Invoices) != 0 || len(got.FormerInvoices) != 1 {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
		i := got.FormerInvoices[0]
		if i.ID != "in_1" || len(i.Lines) != 1 || i.SubscriptionEndedAt == nil || i.SubscriptionEndedAt.Unix() != 110 {
			t.Errorf("%s: %+v", name, i)
		}
	}
	refused := stripegw.Want{
		Customer: "cus_1", Named: []billing.StripeObject{{Type: billing.ObjectInvoice, ID: "in_refused"}},
	}
	if got, err := g.Fetch(t.Context(), refused); billing.CodeOf(err) != billing.EStripeRefused {
		t.Errorf("%+v, %v", got, err)
	}
}
