package stripegw_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/stripegw"
)

// Proves that Stripe's refusal (403, a key that may not read) is distinguished from a missing object, on every path
// where the absence matters. Otherwise a dispute's event would be ignored for good, a page sold again, a customer
// replaced, or a saved card forgotten.
func TestRefusalIsNoAbsence(t *testing.T) {
	t.Parallel()
	order := billing.Order{ID: "ord_1", PaymentIntentID: "pi_1"}
	for name, c := range map[string]struct {
		absent billing.Code // the code of a 404
		ask    func(context.Context, *stripegw.Gateway) error
	}{
		"CustomerOfDispute": {billing.ENotFound, func(ctx context.Context, g *stripegw.Gateway) error {
			_, err := g.CustomerOf(ctx, "dispute", "dp_1")
			return err
		}},
		"CustomerOfRefund": {billing.ENotFound, func(ctx context.Context, g *stripegw.Gateway) error {
			_, err := g.CustomerOf(ctx, "refund", "re_1")
			return err
		}},
		"CustomerOfCharge": {billing.ENotFound, func(ctx context.Context, g *stripegw.Gateway) error {
			_, err := g.CustomerOf(ctx, "charge", "ch_1")
			return err
		}},
		"Checkout": {
			billing.ENotFound,
			func(ctx context.Context, g *stripegw.Gateway) error { _, err := g.Checkout(ctx, "cs_1"); return err },
		},
		"IsDeleted": {
			billing.EStripeRefused,
			func(ctx context.Context, g *stripegw.Gateway) error { _, err := g.IsDeleted(ctx, "cus_1"); return err },
		},
		"SavedMethod": {"", func(ctx context.Context, g *stripegw.Gateway) error {
			_, err := g.SavedMethod(ctx, "cus_1")
			return err
		}},
		"OrderIntent": {billing.EStripeRefused, func(ctx context.Context, g *stripegw.Gateway) error {
			_, _, err := g.OrderIntent(ctx, "cus_1", order)
			return err
		}},
		"ExpireCheckout": {
			billing.EStripeRefused,
			func(ctx context.Context, g *stripegw.Gateway) error { return g.ExpireCheckout(ctx, "cs_1") },
		},
	} {
		for status, want := range map[int]billing.Code{
			http.StatusForbidden: billing.EStripeRefused, http.StatusNotFound: c.absent,
		} {
			g := newGateway(t, func(w http.ResponseWriter, r *http.Request) {
				code := ""
				if status == http.StatusNotFound {
					code = "resource_missing"
				}
				refuse(w, status, "invalid_request_error", code, "", "private words")
			})
			if err := c.ask(t.Context(), g); billing.CodeOf(err) != want {
				t.Errorf("%s, %d: %v, want %q", name, status, err, want)
			}
		}
	}
}
