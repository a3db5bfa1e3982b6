package checkout

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
)

// A change of a subscription works like a purchase: its row is written before Stripe is asked, and every request to
// Stripe carries a key derived from the row.
//
// First the row is claimed; an account has one pending change at a time (change_claim.go). Then Stripe's own view
// decides which requests to make, and they are written to the row as well (change_look.go, change_plan.go). Only then
// are they made (change_steps.go), and the result is written down (change_settle.go). When a change that was cut off is
// resumed, it makes exactly the same requests.

// changePatience limits the time that one request spends on a change.
const changePatience = 45 * time.Second

// ChangeRequest asks for another plan or quantity. Key is the caller's Idempotency-Key, or "" for none.
type ChangeRequest struct {
	Plan          string
	Quantity      int64 // 0 keeps the current quantity
	ProrationDate int64 // the date of a preview, in Unix seconds; 0 for none
	Key           string
	Login         billing.SessionID // of the customer: it must live
}

// CancelRequest asks for the end of the subscription.
type CancelRequest struct {
	At    billing.CancelTime
	Key   string
	Login billing.SessionID // of the customer: it must live
}

// ResumeRequest asks for the end of a cancellation, of a change to come, or of a pause.
type ResumeRequest struct {
	Key   string
	Login billing.SessionID // of the customer: it must live
}

// Payment is the state of the payment for a change that Stripe has made.
type Payment string

// The states of a payment.
const (
	PaymentSettled    Payment = "settled"    // it is paid, or nothing was due
	PaymentProcessing Payment = "processing" // a bank was asked and has not replied
	PaymentInvoiced   Payment = "invoiced"   // an invoice was sent
)

// Changed is the account after a change. Replayed reports that an earlier request with this key had the effect.
type Changed struct {
	Account    billing.Account
	Payment    Payment
	PaymentURL string // of an invoice that was sent, or "" for none
	Voided     []billing.VoidedInvoice
	Replayed   bool
}

// PaymentRequired is the error of a change that waits until the customer has paid an invoice at Stripe. URL is the page
// to pay at, or "" if there is none.
type PaymentRequired struct {
	Cause *billing.Error
	URL   string
}

// Error returns the text of the cause.
func (e *PaymentRequired) Error() string { return e.Cause.Error() }

// Unwrap returns the cause, which has the error's code.
func (e *PaymentRequired) Unwrap() error { return e.Cause }

// Change gives the subscription another plan or quantity: an upgrade now, a downgrade at the period's end. Errors:
// EInvalid, EConflict, *PaymentRequired (EPaymentRequired), EKeyReused, ETooMany, EStripeUnavailable, EStripeRefused,
// EUnauthorized (the login has ended), EAccountClosed.
func (s *Service) Change(ctx context.Context, id billing.AccountID, r ChangeRequest) (Changed, error) {
	plan, invalid := s.wantedPlan(r)
	return s.perform(ctx, asked{
		request: changeRequest(id, r.Key, "change", r.Plan, r.Quantity, r.ProrationDate),
		change: billing.SubscriptionChange{
			AccountID: id, Kind: billing.ChangePlan, Plan: r.Plan, Quantity: r.Quantity,
		},
		login:   r.Login,
		invalid: invalid,
		plan: func(ctx context.Context, v view) (billing.ChangeSteps, error) {
			return s.planChange(ctx, v, plan, r)
		},
	})
}

// Cancel ends the subscription, at the end of its period or at once. Errors: those of Change.
func (s *Service) Cancel(ctx context.Context, id billing.AccountID, r CancelRequest) (Changed, error) {
	return s.perform(ctx, asked{
		request: changeRequest(id, r.Key, "cancel", r.At),
		change:  billing.SubscriptionChange{AccountID: id, Kind: billing.ChangeCancel},
		login:   r.Login,
		plan:    func(_ context.Context, v view) (billing.ChangeSteps, error) { return planCancel(v, r.At) },
	})
}

// Resume withdraws a cancellation or a change that is still to come, or makes a paused subscription bill again. Errors:
// those of Change.
func (s *Service) Resume(ctx context.Context, id billing.AccountID, r ResumeRequest) (Changed, error) {
	return s.perform(ctx, asked{
		request: changeRequest(id, r.Key, "resume"),
		change:  billing.SubscriptionChange{AccountID: id, Kind: billing.ChangeResume},
		login:   r.Login,
		plan:    func(_ context.Context, v view) (billing.ChangeSteps, error) { return planResume(v) },
	})
}

// asked is a change that a request asks for.
type asked struct {
	request billing.Request
	change  billing.SubscriptionChange
	login   billing.SessionID
	invalid error // why a new change is refused, or nil; a repeat gets its reply, whatever is sold by now
	plan    func(context.Context, view) (billing.ChangeSteps, error)
}

// changeRequest returns what a repeat is recognized by: all values in which two requests for a change can differ.
func changeRequest(id billing.AccountID, key string, parts ...any) billing.Request {
	return billing.Request{
		Account: id, Operation: billing.OperationChange, Key: key, Hash: billing.RequestHash(parts...),
	}
}

// perform carries out a change, or repeats the reply to one.
func (s *Service) perform(ctx context.Context, a asked) (Changed, error) {
	ctx, cancel := context.WithTimeout(ctx, changePatience)
	defer cancel()
	c, replayed, err := s.claimChange(ctx, a)
	if err != nil {
		return Changed{}, err
	}
	if c.Status == billing.ChangePending && c.Steps == nil {
		if c, err = s.decideChange(ctx, c, a); err != nil {
			return Changed{}, err
		}
	}
	switch {
	case c.Status == billing.ChangePending:
		c, err = s.carryOut(ctx, c)
	case c.Status.Waiting():
		c, err = s.lookAtPayment(ctx, c)
	}
	if err != nil {
		return Changed{}, err
	}
	return s.changed(ctx, c, replayed)
}

// changed returns the reply to a change, which is an error if the change failed or waits for its payment.
func (s *Service) changed(ctx context.Context, c billing.SubscriptionChange, replayed bool) (Changed, error) {
	if err := outcome(c); err != nil {
		return Changed{}, err
	}
	to := Changed{Payment: PaymentSettled, Voided: c.Voided, Replayed: replayed}
	switch c.Status {
	case billing.ChangeProcessing:
		to.Payment = PaymentProcessing
	case billing.ChangeInvoiced:
		to.Payment, to.PaymentURL = PaymentInvoiced, c.Owed.URL
	}
	account, err := ledger.Current(ctx, s.db, c.AccountID)
	to.Account = account
	return to, err
}

// outcome returns the error for a change that is not done. It returns nil if the change is done, or is made and paid
// later.
func outcome(c billing.SubscriptionChange) error {
	switch c.Status {
	case billing.ChangeFailed:
		failure := billing.Errorf(c.Problem, "%s", c.Detail)
		if c.Problem == billing.EPaymentRequired {
			return &PaymentRequired{Cause: failure}
		}
		return failure
	case billing.ChangeUnpaid:
		text := "The payment was refused or has to be confirmed, so the subscription is as it was. " +
			"Pay at payment_url, and the change is made."
		if c.Steps != nil && c.Steps.Action == billing.ActionInvoice {
			text = "The change is made, and its payment failed: its points come when it is paid. Pay at payment_url."
		}
		return &PaymentRequired{URL: c.Owed.URL, Cause: billing.Errorf(billing.EPaymentRequired, "%s", text)}
	}
	return nil
}
