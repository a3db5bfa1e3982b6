package checkout

import (
	"context"
	"time"

	"github.com/pointsync/pointsync/pkg/billing"
	"github.com/pointsync/pointsync/pkg/ledger"
	"github.com/pointsync/pointsync/pkg/store"
)

// A change of a subscription works like a purchase: its row is written before Stripe is asked, and every request to
// Stripe carries a key derived from the row.
//
// First the row is claimed; an account has one pending change at a time. Then Stripe's own view decides which requests
// to make, and they are written to the row as well. Only then are they made. When a change that was cut off is resumed,
// it makes exactly the same requests.

const (
	// lease is how long a change that was cut off blocks others. It is longer than any request works on a change.
	lease = time.Minute
	// changePatience limits the time that one request spends on a change.
	changePatience = 45 * time.Second
	// forgetPatience limits the time to delete a refused change. One that is not deleted blocks the next change until
	// its lease expires, so a busy database gets some time.
	forgetPatience = 10 * time.Second
	// changeLife is how long a change can be resumed: Stripe forgets idempotency keys after a day.
	changeLife = 23 * time.Hour
	// lookInterval is how long a change waits for its payment before a job looks at Stripe. A sync that sees the
	// invoice may come earlier.
	lookInterval = time.Hour
)

// ChangeRequest asks for another plan or quantity. Key is the caller's Idempotency-Key, or "" for none.
type ChangeRequest struct {
	Plan          string
	Quantity      int64 // 0 keeps the current quantity
	ProrationDate int64 // the date of a preview, in Unix seconds; 0 for none
	Key           string
}

// CancelRequest asks for the end of the subscription.
type CancelRequest struct {
	At  billing.CancelTime
	Key string
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
// EInvalid, EConflict, *PaymentRequired (EPaymentRequired), EKeyReused, ETooMany, EStripeUnavailable, EStripeRefused.
func (s *Service) Change(ctx context.Context, id billing.AccountID, r ChangeRequest) (Changed, error) {
	plan, invalid := s.wantedPlan(r)
	draft := billing.SubscriptionChange{
		AccountID: id, Kind: billing.ChangePlan, Plan: r.Plan, Quantity: r.Quantity, Key: r.Key,
	}
	draft.RequestHash = billing.RequestHash("change", r.Plan, r.Quantity, r.ProrationDate)
	return s.perform(ctx, draft, invalid, func(ctx context.Context, v view) (billing.ChangeSteps, error) {
		if invalid != nil {
			return billing.ChangeSteps{}, invalid
		}
		return s.planChange(ctx, v, plan, r)
	})
}

// Cancel ends the subscription, at the end of its period or at once. Errors: those of Change.
func (s *Service) Cancel(ctx context.Context, id billing.AccountID, r CancelRequest) (Changed, error) {
	draft := billing.SubscriptionChange{
		AccountID: id, Kind: billing.ChangeCancel, Key: r.Key, RequestHash: billing.RequestHash("cancel", r.At),
	}
	return s.perform(
		ctx, draft, nil, func(_ context.Context, v view) (billing.ChangeSteps, error) { return planCancel(v, r.At) },
	)
}

// Resume withdraws a cancellation or a change that is still to come, or makes a paused subscription bill again. Errors:
// those of Change.
func (s *Service) Resume(ctx context.Context, id billing.AccountID, key string) (Changed, error) {
	draft := billing.SubscriptionChange{
		AccountID: id, Kind: billing.ChangeResume, Key: key, RequestHash: billing.RequestHash("resume"),
	}
	return s.perform(
		ctx, draft, nil, func(_ context.Context, v view) (billing.ChangeSteps, error) { return planResume(v) },
	)
}

// planner decides what to ask Stripe for, or refuses.
type planner func(context.Context, view) (billing.ChangeSteps, error)

// perform carries out a change, or repeats the reply to one. invalid is why a new change of this kind is refused, nil
// if it is not: a repeat gets its reply, whatever is sold by now.
func (s *Service) perform(
	ctx context.Context, draft billing.SubscriptionChange, invalid error, plan planner,
) (Changed, error) {
	ctx, cancel := context.WithTimeout(ctx, changePatience)
	defer cancel()
	c, replayed, err := s.claimChange(ctx, draft, invalid)
	if err != nil {
		return Changed{}, err
	}
	if c.Status == billing.ChangePending && c.Steps == nil {
		if c, err = s.decideChange(ctx, c, plan); err != nil {
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
	to.Account, err = ledger.Current(ctx, s.db, c.AccountID)
	return to, err
}

// claimChange returns the change that the key was first used for, or inserts a new one. An account has one pending
// change at a time.
func (s *Service) claimChange(
	ctx context.Context, draft billing.SubscriptionChange, invalid error,
) (c billing.SubscriptionChange, replayed bool, err error) {
	err = s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockAccount(ctx, draft.AccountID); err != nil {
			return err
		}
		if draft.Key != "" {
			known, ok, err := tx.ChangeByKey(ctx, draft.AccountID, draft.Key)
			if err != nil {
				return err
			}
			if ok {
				replayed = true
				if c, err = takeUp(ctx, tx, known, draft); err != nil || c.Status.Decided() {
					return err
				}
				return takeRequest(ctx, tx, draft.AccountID, billing.RequestSubscription)
			}
		}
		if invalid != nil {
			return invalid
		}
		if err := makeRoom(ctx, tx, draft.AccountID); err != nil {
			return err
		}
		if err := takeRequest(ctx, tx, draft.AccountID, billing.RequestSubscription); err != nil {
			return err
		}
		c, replayed = draft, false
		c.ID, c.Status, c.CreatedAt, c.LeaseUntil = billing.NewChangeID(tx.Now), billing.ChangePending, tx.Now, tx.Now.Add(lease)
		return tx.InsertChange(ctx, c)
	})
	return c, replayed, err
}

// takeUp returns the change of a repeated request. If the change is pending, takeUp renews its lease.
func takeUp(
	ctx context.Context, tx *store.Tx, c, draft billing.SubscriptionChange,
) (billing.SubscriptionChange, error) {
	if c.RequestHash != draft.RequestHash {
		return c, billing.KeyReused()
	}
	if c.Status != billing.ChangePending {
		return c, nil
	}
	if tx.Now.Sub(c.CreatedAt) > changeLife {
		end(
			&c, tx.Now,
			billing.Errorf(
				billing.EConflict,
				"This request was cut off too long ago to be taken up. Look at the subscription, and ask again under another key.",
			),
		)
	} else {
		c.LeaseUntil = tx.Now.Add(lease)
	}
	return c, tx.SaveChange(ctx, c)
}

// makeRoom refuses a second change while another request may still work on the first. It gives up a change that was cut
// off and not resumed: what that one did at Stripe remains, and the rest will not be done.
func makeRoom(ctx context.Context, tx *store.Tx, id billing.AccountID) error {
	other, ok, err := tx.PendingChange(ctx, id)
	if err != nil || !ok {
		return err
	}
	if left := other.LeaseUntil.Sub(tx.Now); left > 0 {
		return &billing.Error{
			Code:       billing.EConflict,
			RetryAfter: left,
			Message:    "Another change of this subscription is under way. Try again in a moment.",
		}
	}
	end(
		&other, tx.Now,
		billing.Errorf(
			billing.EConflict,
			"This request was cut off, and another change was asked for since. Look at the subscription, and ask again under another key.",
		),
	)
	return tx.SaveChange(ctx, other)
}

// decideChange writes down what Stripe will be asked for. If the change is refused, or Stripe's view is not available,
// it forgets the change, and the key is unused again.
func (s *Service) decideChange(
	ctx context.Context, c billing.SubscriptionChange, plan planner,
) (billing.SubscriptionChange, error) {
	var steps billing.ChangeSteps
	v, err := s.look(ctx, c.AccountID)
	if err == nil {
		steps, err = plan(ctx, v)
	}
	if err != nil {
		s.forget(ctx, c)
		return c, err
	}
	err = s.inChange(ctx, c, func(tx *store.Tx, now *billing.SubscriptionChange) error {
		if now.Status != billing.ChangePending || now.Steps != nil { // a concurrent request was faster
			return nil
		}
		now.Steps = &steps
		now.LeaseUntil = tx.Now.Add(lease)
		return tx.SaveChange(ctx, *now)
	}, &c)
	if billing.CodeOf(err) == billing.ENotFound { // forgotten by a concurrent request
		err = &billing.Error{
			Code:       billing.EConflict,
			RetryAfter: time.Second,
			Message:    "The same request was made twice at once. Repeat it.",
		}
	}
	return c, err
}

// forget deletes a change for which nothing was asked of Stripe. If that fails as well, the change's lease expires.
func (s *Service) forget(ctx context.Context, c billing.SubscriptionChange) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetPatience)
	defer cancel()
	_ = s.inChange(ctx, c, func(tx *store.Tx, now *billing.SubscriptionChange) error {
		if now.Status != billing.ChangePending || now.Steps != nil {
			return nil
		}
		return tx.DeleteChange(ctx, now.AccountID, now.ID)
	}, &c)
}

// inChange runs fn on the current change, under its account's lock, and returns the change in out as fn left it.
func (s *Service) inChange(
	ctx context.Context, c billing.SubscriptionChange, fn func(*store.Tx, *billing.SubscriptionChange) error,
	out *billing.SubscriptionChange,
) error {
	return s.db.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockAccount(ctx, c.AccountID); err != nil {
			return err
		}
		now, err := tx.Change(ctx, c.AccountID, c.ID)
		if err != nil {
			return err
		}
		err = fn(tx, &now)
		*out = now
		return err
	})
}
