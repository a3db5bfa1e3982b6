package stripegw_test

import (
	"strings"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
)

// Proves that the customer of an account is found among those with its email by its metadata alone: not another
// account's, not one without an account, not the former one. One page is read, however many share the email.
func TestFindCustomer(t *testing.T) {
	t.Parallel()
	of := func(id, account string) string {
		return `{"id":"` + id + `","metadata":{"pointsync_account":"` + account + `"}}`
	}
	for name, c := range map[string]struct{ listed, want string }{
		"None":             {list(false), ""},
		"Others":           {list(true, of("cus_8", "acc_2"), `{"id":"cus_9"}`), ""},
		"Former":           {list(false, of("cus_0", "acc_1")), ""},
		"Ours":             {list(false, of("cus_8", "acc_2"), of("cus_1", "acc_1")), "cus_1"},
		"OursBesideFormer": {list(false, of("cus_0", "acc_1"), of("cus_1", "acc_1")), "cus_1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, s := newScript(t, map[string]string{"GET /v1/customers": c.listed})
			got, err := g.FindCustomer(t.Context(), "acc_1", "a@example.com", "cus_0")
			if string(got) != c.want || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			same(t, "asked", s.calls(), []string{"GET /v1/customers email=a@example.com&limit=100"})
		})
	}
}

// Proves that a customer is created under a key that names the account and the earlier customer, with an email if there
// is one. Also proves how the portal is requested.
func TestCustomerCalls(t *testing.T) {
	t.Parallel()
	g, s := newScript(t, map[string]string{
		"POST /v1/customers": `{"id":"cus_1"}`, "POST /v1/billing_portal/sessions": `{"url":"https://portal"}`,
		"GET /v1/customers/cus_1": `{"id":"cus_1"}`, "GET /v1/customers/cus_2": `{"id":"cus_2","deleted":true}`,
		"GET /v1/customers/cus_3": "403 ",
	})
	for _, c := range []struct {
		email  string
		former billing.CustomerID
		asked  string
	}{
		{
			"a@example.com", "",
			"POST /v1/customers email=a@example.com&metadata[pointsync_account]=acc_1 customer-acc_1",
		},
		{"", "cus_0", "POST /v1/customers metadata[pointsync_account]=acc_1 customer-acc_1-after-cus_0"},
	} {
		if id, err := g.CreateCustomer(t.Context(), "acc_1", c.email, c.former); id != "cus_1" || err != nil {
			t.Errorf("%q, %v", id, err)
		}
		same(t, "asked", s.calls(), []string{c.asked})
	}
	for back, form := range map[string]string{
		"https://shop": "customer=cus_1&return_url=https://shop", "": "customer=cus_1",
	} {
		if url, err := g.PortalURL(t.Context(), "cus_1", back); url != "https://portal" || err != nil {
			t.Errorf("%q, %v", url, err)
		}
		if calls := s.calls(); len(calls) != 1 || !strings.HasPrefix(
			calls[0], "POST /v1/billing_portal/sessions "+form+" ",
		) {
			t.Errorf("asked %q", calls)
		}
	}
	for id, want := range map[billing.CustomerID]struct {
		deleted bool
		code    billing.Code
	}{
		"cus_1": {false, ""}, "cus_2": {true, ""}, "cus_3": {false, billing.EStripeRefused},
		"cus_4": {false, billing.EStripeRefused}, "": {false, billing.EInternal},
	} {
		if deleted, err := g.IsDeleted(t.Context(), id); deleted != want.deleted || billing.CodeOf(err) != want.code {
			t.Errorf("%s: %v, %v", id, deleted, err)
		}
	}
}

// Proves that a customer who is not there counts as deleted, and that no other refusal does.
func TestDeleteCustomer(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]billing.Code{
		`{"id":"cus_1","deleted":true}`: "", "404 resource_missing": "", "403 ": billing.EStripeRefused,
		"503 ": billing.EStripeUnavailable,
	} {
		g, _ := newScript(t, map[string]string{"DELETE /v1/customers/cus_1": answer})
		if err := g.DeleteCustomer(t.Context(), "cus_1"); billing.CodeOf(err) != want {
			t.Errorf("%s: %v", answer, err)
		}
	}
}
