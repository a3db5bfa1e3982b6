package sandbox_test

import (
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"

	"github.com/pointsync/pointsync/pkg/sandbox"
)

// These tests prove that coupons and promotion codes can be stored and changed as at Stripe. Each limit on redeeming
// them refuses by name and leaves no trace.

func (w *world) coupon(form string) string {
	w.t.Helper()
	return w.object("POST", "/v1/coupons", form)["id"].(string)
}

func (w *world) promotion(form string) map[string]any {
	w.t.Helper()
	return w.object("POST", "/v1/promotion_codes", form)
}

func (w *world) customer(form string) string {
	w.t.Helper()
	return w.object("POST", "/v1/customers", form)["id"].(string)
}

// These calls are from stripe-go's own tests.
func TestCouponsBySDK(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	for _, id := range []string{"prod_123", "prod_abc"} {
		w.object("POST", "/v1/products", "name=x&id="+id)
	}
	made := must[*stripe.Coupon](t)(w.stripe.Coupons.New(&stripe.CouponParams{
		AppliesTo:        &stripe.CouponAppliesToParams{Products: stripe.StringSlice([]string{"prod_123", "prod_abc"})},
		Currency:         stripe.String("usd"),
		Duration:         stripe.String("repeating"),
		DurationInMonths: stripe.Int64(3),
		ID:               stripe.String("25OFF"),
		PercentOff:       stripe.Float64(12.5),
	}))
	if made.ID != "25OFF" || made.PercentOff != 12.5 || made.DurationInMonths != 3 || !made.Valid ||
		made.AppliesTo != nil || made.Currency != "" {
		t.Fatalf("%+v", made)
	}
	changed := must[*stripe.Coupon](t)(
		w.stripe.Coupons.Update("25OFF", &stripe.CouponParams{Metadata: map[string]string{"foo": "bar"}}),
	)
	found := must[*stripe.Coupon](t)(
		w.stripe.Coupons.Get("25OFF", &stripe.CouponParams{Expand: stripe.StringSlice([]string{"applies_to"})}),
	)
	if changed.Metadata["foo"] != "bar" || found.Metadata["foo"] != "bar" || len(found.AppliesTo.Products) != 2 {
		t.Fatalf("%+v", found)
	}
	if all := w.stripe.Coupons.List(&stripe.CouponListParams{}); !all.Next() || all.Coupon().ID != "25OFF" {
		t.Fatal("it is not listed")
	}
	holder := w.customer("")
	code := must[*stripe.PromotionCode](t)(w.stripe.PromotionCodes.New(&stripe.PromotionCodeParams{
		Code: stripe.String("MYCODE"), Coupon: stripe.String("25OFF"), Customer: stripe.String(holder),
		Restrictions: &stripe.PromotionCodeRestrictionsParams{
			FirstTimeTransaction:  stripe.Bool(true),
			MinimumAmount:         stripe.Int64(1234),
			MinimumAmountCurrency: stripe.String("usd"),
		},
	}))
	if !code.Active || code.Coupon.ID != "25OFF" || code.Customer.ID != holder ||
		code.Restrictions.MinimumAmount != 1234 {
		t.Fatalf("%+v", code)
	}
	must[*stripe.PromotionCode](t)(
		w.stripe.PromotionCodes.Update(code.ID, &stripe.PromotionCodeParams{Metadata: map[string]string{"foo": "bar"}}),
	)
	must[*stripe.PromotionCode](t)(w.stripe.PromotionCodes.Get(code.ID, nil))
	codes := w.stripe.PromotionCodes.List(
		&stripe.PromotionCodeListParams{
			Code:     stripe.String("mycode"),
			Coupon:   stripe.String("25OFF"),
			Customer: stripe.String(holder),
			Active:   stripe.Bool(true),
		},
	)
	if !codes.Next() || codes.PromotionCode().Metadata["foo"] != "bar" {
		t.Fatal("the code is not listed")
	}
	if gone := must[*stripe.Coupon](t)(w.stripe.Coupons.Del("25OFF", nil)); !gone.Deleted {
		t.Fatalf("%+v", gone)
	}
	if code := must[*stripe.PromotionCode](t)(w.stripe.PromotionCodes.Get(code.ID, nil)); code.Active {
		t.Fatal("a deleted coupon's code is still active")
	}
	requireOrder(
		t, types(w.events()), "coupon.created", "coupon.updated", "promotion_code.created", "promotion_code.updated",
		"promotion_code.updated", "coupon.deleted",
	)
}

func TestCouponRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	w.coupon("id=TAKEN&percent_off=10&max_redemptions=5")
	w.promotion("coupon=TAKEN&code=Spring")
	late := itoa(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Unix())
	before := len(w.events())
	for name, c := range map[string]struct{ path, form, code, param string }{
		"Nothing":      {"coupons", "duration=once", "parameter_missing", "percent_off"},
		"Both":         {"coupons", "percent_off=1&amount_off=1&currency=usd", "", "amount_off"},
		"NoCurrency":   {"coupons", "amount_off=1", "parameter_missing", "currency"},
		"TooMuch":      {"coupons", "percent_off=101", "", "percent_off"},
		"TooLittle":    {"coupons", "percent_off=0.001", "", "percent_off"},
		"NoMonths":     {"coupons", "percent_off=1&duration=repeating", "parameter_missing", "duration_in_months"},
		"MonthsOfOnce": {"coupons", "percent_off=1&duration_in_months=2", "", "duration_in_months"},
		"Taken":        {"coupons", "percent_off=1&id=TAKEN", "resource_already_exists", "id"},
		"OddID":        {"coupons", "percent_off=1&id=a/b", "", "id"},
		"Past":         {"coupons", "percent_off=1&redeem_by=" + late, "", "redeem_by"},
		"NoProduct": {
			"coupons", "percent_off=1&applies_to[products][0]=prod_x", "resource_missing", "applies_to[products]",
		},
		"NoCoupon":        {"promotion_codes", "coupon=NOPE", "resource_missing", "coupon"},
		"SameCode":        {"promotion_codes", "coupon=TAKEN&code=SPRING", "resource_already_exists", "code"},
		"OftenerThanThat": {"promotion_codes", "coupon=TAKEN&max_redemptions=6", "", "max_redemptions"},
		"Unpriced": {
			"promotion_codes", "coupon=TAKEN&restrictions[minimum_amount]=5", "parameter_missing",
			"restrictions[minimum_amount_currency]",
		},
	} {
		if status, code, param, message := w.refusal(
			"POST", "/v1/"+c.path, c.form,
		); status != 400 || code != c.code || param != c.param {
			t.Errorf("%s: got %d %q %q %q", name, status, code, param, message)
		}
	}
	if after := len(w.events()); after != before {
		t.Fatalf("%d events of refused requests", after-before)
	}
}

// Two customers may have the same code. A code that is deactivated becomes free again.
func TestCodeIsUniqueAmongActive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	coupon := w.coupon("percent_off=10")
	first := w.promotion("code=HI&coupon=" + coupon + "&customer=" + w.customer(""))
	w.promotion("code=hi&coupon=" + coupon + "&customer=" + w.customer(""))
	if status, _, _, _ := w.refusal("POST", "/v1/promotion_codes", "code=Hi&coupon="+coupon); status != 400 {
		t.Fatal("everybody's code is that of two customers")
	}
	open := w.promotion("code=yes&coupon=" + coupon)
	w.object("POST", "/v1/promotion_codes/"+open["id"].(string), "active=false")
	w.promotion("code=YES&coupon=" + coupon)
	if status, code, _, _ := w.refusal(
		"POST", "/v1/promotion_codes/"+open["id"].(string), "active=true",
	); status != 400 || code != "resource_already_exists" {
		t.Fatalf("it came back beside its successor: %d %s", status, code)
	}
	w.object("POST", "/v1/promotion_codes/"+first["id"].(string), "metadata[a]=b")
}

func TestRedemptionLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	price := w.price(1000, "month")
	begin := "items[0][price]=" + price + "&payment_behavior=default_incomplete&customer="
	soon := itoa(time.Date(2024, 1, 20, 0, 0, 0, 0, time.UTC).Unix())
	once := w.coupon("percent_off=10&max_redemptions=1&id=ONE")
	w.coupon("percent_off=10&id=SOON&redeem_by=" + soon)
	w.coupon("amount_off=100&currency=eur&id=EURO")
	w.coupon("percent_off=10&id=ANY")
	_, paid := w.subscribed(price, "pm_card_visa")
	code := func(more string) string { return w.promotion("coupon=ANY" + more)["id"].(string) }
	aged := code("&expires_at=" + soon)
	w.object("POST", "/v1/customers", "coupon="+once)
	w.advance(10 * 24 * time.Hour)
	fresh := w.customer("")
	before := len(w.events())
	for name, c := range map[string]struct{ form, code, param string }{
		"UsedUp":       {begin + fresh + "&coupon=ONE", "", "coupon"},
		"Expired":      {begin + fresh + "&coupon=SOON", "coupon_expired", "coupon"},
		"Currency":     {begin + fresh + "&coupon=EURO", "", "coupon"},
		"Missing":      {begin + fresh + "&coupon=NOPE", "resource_missing", "coupon"},
		"CodeMissing":  {begin + fresh + "&promotion_code=promo_x", "resource_missing", "promotion_code"},
		"CodeExpired":  {begin + fresh + "&promotion_code=" + aged, "", "promotion_code"},
		"CodeOff":      {begin + fresh + "&promotion_code=" + code("&active=false"), "", "promotion_code"},
		"AnothersCode": {begin + fresh + "&promotion_code=" + code("&customer="+paid), "", "promotion_code"},
		"NotFirst": {
			begin + paid + "&promotion_code=" + code("&restrictions[first_time_transaction]=true"), "",
			"promotion_code",
		},
		"TooLittle": {
			begin + fresh + "&promotion_code=" + code(
				"&restrictions[minimum_amount]=1001&restrictions[minimum_amount_currency]=usd",
			),
			"", "promotion_code",
		},
		"OtherMoney": {
			begin + fresh + "&promotion_code=" + code(
				"&restrictions[minimum_amount]=1&restrictions[minimum_amount_currency]=eur",
			),
			"", "promotion_code",
		},
		"Both": {begin + fresh + "&coupon=ANY&promotion_code=" + code(""), "", "promotion_code"},
	} {
		if status, code, param, message := w.refusal(
			"POST", "/v1/subscriptions", c.form,
		); status != 400 || code != c.code || param != c.param {
			t.Errorf("%s: got %d %q %q %q", name, status, code, param, message)
		}
	}
	if made := len(w.events()) - before; made != 6 { // the promotion codes above
		t.Errorf("%d events", made)
	}
	for id, times := range map[string]float64{"ONE": 1, "SOON": 0, "ANY": 0} {
		if c := w.object("GET", "/v1/coupons/"+id, ""); c["times_redeemed"] != times || c["valid"] != (id == "ANY") {
			t.Errorf("%s: %v", id, c)
		}
	}
	if w.object("GET", "/v1/promotion_codes/"+aged, "")["active"] != false {
		t.Error("an expired code is active")
	}
	requireOrder(t, types(w.events()), "coupon.updated", "coupon.updated", "promotion_code.updated")
}
