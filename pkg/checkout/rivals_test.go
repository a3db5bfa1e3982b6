package checkout

import (
	"testing"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
)

// TestOrdersBesideEachOther proves when a page is returned again, and when it is closed for a newer one. Also proves
// what is not sold while another payment is under way.
func TestOrdersBesideEachOther(t *testing.T) {
	t.Parallel()
	open := billing.Order{
		ID:          "ord_2",
		Kind:        billing.KindPlan,
		Status:      billing.OrderPending,
		CheckoutID:  "cs_1",
		URL:         "https://x",
		RequestHash: "h",
		Amount:      900,
		Currency:    "usd",
		Points:      500,
		ExpiresAt:   new(at(12).Add(reuseMargin + time.Second)),
	}
	for name, c := range map[string]struct {
		change func(o *billing.Order)
		want   bool
	}{
		"Same": {func(*billing.Order) {}, true}, "Fulfilled": {
			func(o *billing.Order) { o.Status = billing.OrderFulfilled }, false,
		}, "NoPage": {func(o *billing.Order) { o.URL = "" }, false},
		"Another": {
			func(o *billing.Order) { o.RequestHash = "g" }, false,
		}, "Amount": {func(o *billing.Order) { o.Amount = 901 }, false}, "Currency": {
			func(o *billing.Order) { o.Currency = "eur" }, false,
		},
		"Points": {func(o *billing.Order) { o.Points = 501 }, false}, "NoEnd": {
			func(o *billing.Order) { o.ExpiresAt = nil }, false,
		},
		"EndsSoon": {func(o *billing.Order) { o.ExpiresAt = new(at(12).Add(reuseMargin)) }, false},
	} {
		o := open
		if c.change(&o); reusable(o, open, at(12)) != c.want {
			t.Errorf("%s: reusable %v", name, !c.want)
		}
	}
	older, packed, unopened := open, open, open
	older.ID, packed.ID, packed.Kind, unopened.ID, unopened.CheckoutID = "ord_1", "ord_3", billing.KindPack, "ord_4", ""
	all := []billing.Order{packed, open, older, unopened}
	for n, want := range []bool{false, false, true, false} {
		if outdated(all[n], all) != want {
			t.Errorf("%s: outdated %v", all[n].ID, !want)
		}
	}
	paying := open
	paying.URL = ""
	done, pack, draft := paying, paying, billing.Order{Kind: billing.KindPlan}
	done.Status, pack.Kind = billing.OrderFulfilled, billing.KindPack
	itself, packDraft := billing.Order{Kind: billing.KindPlan, ID: paying.ID}, billing.Order{Kind: billing.KindPack}
	for n, c := range []struct {
		draft billing.Order
		open  billing.Order
		code  billing.Code
	}{
		{draft, paying, billing.EConflict}, {draft, open, ""}, {draft, unopened, ""}, {draft, done, ""},
		{draft, pack, ""}, {itself, paying, ""}, {packDraft, paying, ""},
	} {
		if err := refuseBesidePayment(c.draft, []billing.Order{c.open}); billing.CodeOf(err) != c.code {
			t.Errorf("%d: %v", n, err)
		}
	}
	for status, want := range map[billing.SubscriptionStatus]billing.Code{
		billing.SubActive: billing.ESubscriptionExists, billing.SubPastDue: billing.ESubscriptionExists,
		billing.SubCanceled: "",
	} {
		a := billing.Account{Subscription: &billing.Subscription{Status: status}}
		if err := refuseSecond(a, draft); billing.CodeOf(err) != want {
			t.Errorf("%s: %v", status, err)
		}
		if err := refuseSecond(a, packDraft); err != nil {
			t.Errorf("a pack beside %s: %v", status, err)
		}
	}
	if err := refuseSecond(billing.Account{}, draft); err != nil {
		t.Error(err)
	}
}
