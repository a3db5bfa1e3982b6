package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/pointsync/pointsync/pkg/account"
	"github.com/pointsync/pointsync/pkg/billing"
)

// seedReason is the reason of corrections and grants that a seed makes.
const seedReason = "Made by dev --seed"

// seedJob makes one account on the ways that everyone uses: it registers, buys and pays at the local Stripe, renews and
// is refunded there, and an operator corrects its points. So the books and Stripe agree afterwards. A step that fails
// panics, as the steps of the demo do.
type seedJob struct {
	*seeding
	want   seedAccount
	client *demo
	id     billing.AccountID

	subscription answer // at Stripe, if the account has a plan
}

// must ends the step if an error is not nil.
func (seedJob) must(err error) {
	if err != nil {
		panic(unexpected(err.Error()))
	}
}

// logIn logs in to the account, and registers it if there is none. No throttling applies, because the calls come from
// no address.
func (j *seedJob) logIn() {
	accounts := j.dev.app.accounts
	session, err := accounts.Register(j.client.ctx, j.want.Email, j.want.Password)
	if billing.CodeOf(err) == billing.EEmailTaken {
		session, err = accounts.Login(j.client.ctx, j.want.Email, j.want.Password)
		if billing.CodeOf(err) == billing.EUnauthorized {
			err = errors.New("the account is there with another password, and no seed made it: take another email")
		}
	}
	j.must(err)
	j.id, j.client.token = session.Account.ID, session.Token
}

// buy registers the account, and makes its purchases.
func (j *seedJob) buy() {
	j.logIn()
	for _, item := range slices.Sorted(maps.Keys(j.want.Packs)) {
		j.order("pack-"+item, item, j.want.Packs[item])
	}
	if j.want.Plan == "" {
		return
	}
	bought := j.order("plan", j.want.Plan, 1)
	j.subscription = j.client.stripe(200, http.MethodGet, "/v1/subscriptions/"+bought.text("subscription"), nil)
}

// order orders an item and pays for it, once for each key. It returns the checkout session.
func (j *seedJob) order(key, item string, quantity int64) (session answer) {
	made := j.client.call(
		201, http.MethodPost, "/checkout", map[string]any{"item": item, "quantity": quantity},
		"Idempotency-Key", "seed-"+key,
	)
	id := made.text("session_id")
	if made.text("order.status") == "pending" {
		j.client.stripe(
			200, http.MethodPost, "/v1/payment_pages/"+id+"/confirm", url.Values{"payment_method": {"pm_card_visa"}},
		)
		paid := j.client.call(200, http.MethodGet, "/checkout/"+made.text("order.id"), nil)
		j.client.expect(paid.text("order.status") == "fulfilled", "the order of %s is fulfilled", item)
	}
	return j.client.stripe(200, http.MethodGet, "/v1/checkout/sessions/"+id, nil)
}

// failRenewal gives the subscription a card that is declined, and moves the clock to the next renewal. The card stays,
// so the retries fail too.
func (j *seedJob) failRenewal() {
	path := "/v1/subscriptions/" + j.subscription.text("id")
	card := j.client.stripe(
		200, http.MethodPost, "/v1/payment_methods/pm_card_chargeCustomerFail/attach",
		url.Values{"customer": {j.subscription.text("customer")}},
	)
	j.client.stripe(200, http.MethodPost, path, url.Values{"default_payment_method": {card.text("id")}})
	if j.client.stripe(200, http.MethodGet, path, nil).text("status") != "past_due" {
		j.control("/subscriptions/"+j.subscription.text("id")+"/next_invoice", map[string]any{"outcome": "failed"})
	}
	status := j.client.stripe(200, http.MethodGet, path, nil).text("status")
	j.client.expect(status == "past_due", "the subscription is past due, and not %s", status)
	j.sync()
	j.logIn() // the token expired when the clock moved
}

// finish makes what purchases and renewals do not, and notes that the account is complete.
func (j *seedJob) finish() {
	if j.want.Debt > 0 {
		j.owe()
	}
	if j.want.Balance != nil {
		j.setAvailable(*j.want.Balance)
	}
	if j.want.LowPoints != nil {
		j.client.call(200, http.MethodPut, "/points/threshold", map[string]any{"points": *j.want.LowPoints})
	}
	j.must(j.note(j.want.Email, j.id))
	points := j.client.call(200, http.MethodGet, "/points", nil)
	said := fmt.Sprintf("%d points", points.number("available"))
	if debt := points.number("debt"); debt > 0 {
		said += fmt.Sprintf(", %d owed", debt)
	}
	if j.want.Plan != "" {
		status := j.client.call(200, http.MethodGet, "/subscription", nil).text("subscription.status")
		said += fmt.Sprintf(", %s %s", j.want.Plan, status)
	}
	fmt.Fprintf(j.out, "seed: made %s with the password %q: %s\n", j.want.Email, j.want.Password, said)
}

// owe leaves the debt: a pack is bought, and refunded when all points but a part of its own are gone.
func (j *seedJob) owe() {
	bought, ok := debtPurchase(j.items, j.want.Debt)
	j.client.expect(ok, "a pack brings the points")
	session := j.order("debt", bought.item, bought.quantity)
	payment := session.text("payment_intent")
	charge := j.client.stripe(200, http.MethodGet, "/v1/payment_intents/"+payment+"?expand[]=latest_charge", nil)
	if charge.at("latest_charge.refunded") != true {
		j.setAvailable(bought.points - j.want.Debt)
		j.control("/payments/"+payment+"/refund", nil)
	}
	j.sync()
	debt := j.client.call(200, http.MethodGet, "/points", nil).number("debt")
	j.client.expect(int64(debt) == j.want.Debt, "the debt is %d, and not %d", j.want.Debt, debt)
}

// setAvailable corrects the points to a number, as an operator does.
func (j *seedJob) setAvailable(want int64) {
	a, err := j.dev.app.db.Account(j.client.ctx, j.id)
	j.must(err)
	missing := billing.Points(want) - a.Available
	if missing == 0 {
		return
	}
	r := account.Adjustment{
		Action: billing.ActionGrant, Amount: missing, Reason: seedReason, Key: fmt.Sprint("seed-", a.Version),
	}
	if missing < 0 {
		r.Action, r.Amount = billing.ActionCorrection, -missing
	}
	_, err = j.dev.app.accounts.Adjust(j.client.ctx, "", j.id, r)
	j.must(err)
}

// control uses one of the local Stripe's own controls.
func (j *seedJob) control(path string, body any) {
	address := j.client.sandbox + "/_sandbox" + path
	j.client.send(200, j.client.request(http.MethodPost, address, body), "sandbox "+path)
}

// sync fetches the account from Stripe, so that no webhook need be waited for.
func (j *seedJob) sync() {
	_, err := j.dev.app.syncer.Sync(j.client.ctx, j.id, billing.CauseOperator)
	j.must(err)
}
