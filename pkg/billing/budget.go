package billing

import "time"

// Budget bounds how often something may be done: Burst times at once, and once more every Every. A budget that was not
// used for Burst × Every is whole.
type Budget struct {
	Burst int
	Every time.Duration
}

// Take takes one use out of a budget that is whole again at wholeAt. It returns when the budget is whole after that,
// and a wait of 0. If nothing is left, it returns wholeAt unchanged, and how long to wait for the next use.
func (b Budget) Take(wholeAt, now time.Time) (next time.Time, wait time.Duration) {
	next = wholeAt
	if next.Before(now) {
		next = now
	}
	next = next.Add(b.Every)
	if wait = next.Sub(now) - time.Duration(b.Burst)*b.Every; wait > 0 {
		return wholeAt, wait
	}
	return next, 0
}

// RequestKind is a kind of request that has a budget for each account. Most of them ask Stripe. Stripe has one limit
// for all customers of the operator, so no single customer may use it up. The others begin or go on with a login
// without a password, and leave rows that stay for months.
type RequestKind string

// The kinds of request, each with the budget below.
const (
	RequestCheckout     RequestKind = "checkout"       // a page to pay at
	RequestPromotion    RequestKind = "promotion_code" // a code looked up, known or not
	RequestPortal       RequestKind = "portal"         // a session of the billing portal
	RequestTopUp        RequestKind = "top_up"         // an automatic top-up turned on
	RequestSubscription RequestKind = "subscription"   // a preview, a change, a cancellation, a resumption
	RequestExchange     RequestKind = "exchange"       // a login by an ID token
	RequestRefresh      RequestKind = "refresh"        // a refresh of a login
)

// RequestBudgets are generous for a person and tight for a loop. They allow a person to mistype a code ten times, but
// no one to try a list of codes.
var RequestBudgets = map[RequestKind]Budget{
	RequestCheckout:     {Burst: 15, Every: 10 * time.Second},
	RequestPromotion:    {Burst: 10, Every: time.Minute},
	RequestPortal:       {Burst: 10, Every: 10 * time.Second},
	RequestTopUp:        {Burst: 10, Every: 10 * time.Second},
	RequestSubscription: {Burst: 20, Every: 10 * time.Second},
	RequestExchange:     {Burst: 30, Every: time.Minute},
	RequestRefresh:      {Burst: 100, Every: 10 * time.Second}, // 50 devices need one each 18 s, and may wake together
}
